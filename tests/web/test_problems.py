import json

import pytest

from slots.errors import SlotsError
from tracker.errors import TrackerError
from web.problems import PROBLEMS, Problem, retry_later


def codes_of(base):
    for error in base.__subclasses__():
        if "code" in vars(error):
            yield error.code
        yield from codes_of(error)


@pytest.mark.parametrize("code", sorted({*codes_of(SlotsError), *codes_of(TrackerError)}))
def test_every_error_of_the_other_rooms_has_a_status(code):
    assert code in PROBLEMS


def test_a_problem_says_its_code_status_title_and_what_else_helps():
    response = Problem("slot_taken", "Somebody was faster.", slots=["a"]).response()

    assert response.status_code == 409
    assert response.media_type == "application/problem+json"
    assert json.loads(response.body) == {
        "type": "about:blank",
        "title": "That time was just taken",
        "status": 409,
        "code": "slot_taken",
        "detail": "Somebody was faster.",
        "slots": ["a"],
    }


def test_a_code_nobody_knows_is_our_fault():
    assert Problem("no_such_code").status == 500


@pytest.mark.parametrize(("wait_s", "header"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (60, "60")])
def test_come_back_later_says_when_in_whole_seconds(wait_s, header):
    assert retry_later("busy", wait_s).headers == {"Retry-After": header}
