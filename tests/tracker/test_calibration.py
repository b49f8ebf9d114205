import msgspec
import pytest

from tracker.calibration import COLD, VERSION, Calibration, Cell, decode_calibration, encode_calibration


def test_what_was_learned_survives_a_restart():
    learned = Calibration(trips=7, hours=(0.5,) * 168, cells=(Cell(1, 2, -1, 1.25),), scale=1.02, high_scale=1.1)

    assert decode_calibration(encode_calibration(learned)) == learned


def test_what_another_version_learned_counts_as_nothing():
    assert decode_calibration(encode_calibration(Calibration(version=VERSION + 1, scale=1.1))) == COLD


def test_what_is_no_calibration_is_refused():
    with pytest.raises(msgspec.DecodeError):
        decode_calibration(b"[]")
