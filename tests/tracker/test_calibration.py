import msgspec
import pytest

from tracker.calibration import COLD, VERSION, Calibration, Cell, decode_calibration, encode_calibration
from tracker.eta import RANGE_AT_S


def test_what_was_learned_survives_a_restart():
    learned = Calibration(
        trips=7, hours=(0.5,) * 168, cells=(Cell(1, 2, -1, 1.25),), scale=1.02, high_scales=(1.1,) * len(RANGE_AT_S)
    )

    assert decode_calibration(encode_calibration(learned)) == learned


def test_what_another_version_learned_counts_as_nothing():
    assert decode_calibration(encode_calibration(Calibration(version=VERSION + 1, scale=1.1))) == COLD


def test_a_range_that_has_not_its_places_is_refused():
    with pytest.raises(msgspec.DecodeError, match="2 scales of the range instead of 6"):
        decode_calibration(encode_calibration(Calibration(low_scales=(1.0, 1.1))))


def test_what_is_no_calibration_is_refused():
    with pytest.raises(msgspec.DecodeError):
        decode_calibration(b"[]")
