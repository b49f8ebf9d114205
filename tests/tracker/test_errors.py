import pytest

from tracker import errors
from tracker.errors import CloseCode, DeviceDataError, FrameError, NotTracked, TrackerError

ALL = [DeviceDataError("x"), FrameError(1002, "x"), NotTracked("x")]


def test_every_error_has_a_code_of_its_own():
    assert len({error.code for error in ALL}) == len(ALL)


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.code)
def test_an_error_is_a_tracker_error_and_says_its_sentence(error):
    assert isinstance(error, TrackerError)
    assert str(error) == error.detail == "x"


def test_the_tree_at_the_top_of_the_file_names_every_error():
    for error in ALL:
        assert f"─ {type(error).__name__} " in errors.__doc__


def test_clients_come_back_below_x500_and_stay_away_from_there_on():
    come_back = {code for code in CloseCode if 4000 <= code < 4500}

    assert come_back == {CloseCode.SIGN_IN_AGAIN, CloseCode.HELLO_TOO_LATE, CloseCode.TOO_SLOW, CloseCode.TOO_MANY}
    assert [int(code) for code in CloseCode if code >= 4500] == [4500, 4503, 4510]
