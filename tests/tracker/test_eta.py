import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS
from tracker.eta import ARRIVING_S, PACE_MAX, PACE_MIN, RANGE_AT_S, ArrivalEstimate, Pace, arrival_as_of, range_scale

# The page widens by itself: tests/static/live_state.test.mjs expects the same of it.
SILENCES = json.loads((Path(__file__).parent / "silence.json").read_text())
seconds = st.floats(-600, 6 * 3600)


def estimate_of(left_s: float, *, estimated: bool = False) -> ArrivalEstimate:
    estimate = ArrivalEstimate()
    estimate.update(left_s=left_s, at_ms=NOW_MS, estimated=estimated)
    return estimate


def width_ms(estimate: ArrivalEstimate) -> int:
    return estimate.high_at - estimate.low_at


@pytest.mark.parametrize(("estimated", "reason"), [(False, "first"), (True, "estimated")])
def test_the_first_arrival_instant_is_told_with_its_origin(estimated, reason):
    estimate = ArrivalEstimate()

    assert estimate.update(left_s=600, at_ms=NOW_MS, estimated=estimated)

    assert (estimate.eta_at, estimate.reason, estimate.estimated) == (NOW_MS + 600_000, reason, estimated)


def test_the_told_instant_rests_while_the_drive_goes_as_expected():
    estimate = estimate_of(600)

    told = [estimate.update(left_s=600 - s, at_ms=NOW_MS + s * 1000, estimated=False) for s in range(1, 600)]

    assert not any(told)
    assert estimate.eta_at == NOW_MS + 600_000


@pytest.mark.parametrize("left_s", [60, 100, 300, 1000, 3600])
def test_only_a_noticeable_change_is_told_and_less_is_noticeable_near_the_end(left_s):
    noticeable_s = min(15 + 0.08 * left_s, left_s * (0.04 + left_s / 1500))

    for before_s, told in [
        (left_s - 0.7 * noticeable_s, False),
        (left_s - 0.9 * noticeable_s, True),
        (left_s + 0.9 * noticeable_s, False),
        (left_s + 1.1 * noticeable_s, True),
    ]:
        estimate = estimate_of(before_s)

        assert estimate.update(left_s=left_s, at_ms=NOW_MS, estimated=False) is told


def test_a_told_change_keeps_a_little_of_the_old_so_that_noise_is_not_told_again():
    estimate = estimate_of(600)
    assert estimate.update(left_s=700, at_ms=NOW_MS, estimated=False)
    first = estimate.eta_at

    assert NOW_MS + 680_000 < first < NOW_MS + 700_000
    assert not estimate.update(left_s=690, at_ms=NOW_MS, estimated=False)
    assert estimate.eta_at == first


@pytest.mark.parametrize(
    ("left_s", "standing_ms", "reason"),
    [(400, 0, "changed"), (400, 120_000, "standing still"), (ARRIVING_S, 0, "arriving"), (0, 500_000, "arriving")],
)
def test_a_change_says_why(left_s, standing_ms, reason):
    estimate = estimate_of(600)

    assert estimate.update(left_s=left_s, at_ms=NOW_MS, estimated=False, standing_ms=standing_ms)

    assert estimate.reason == reason


def test_arriving_is_only_said_at_the_door_where_that_is_known():
    passing = estimate_of(600)
    parking = estimate_of(600)

    assert passing.update(left_s=10, at_ms=NOW_MS, estimated=False, at_the_door=False)
    assert parking.update(left_s=10, at_ms=NOW_MS, estimated=False, at_the_door=True)

    assert (passing.reason, parking.reason) == ("changed", "arriving")


def test_an_installation_widens_either_side_of_the_range():
    usual = estimate_of(600)
    wide = ArrivalEstimate()
    wide.high_scales = (1.5,) * len(RANGE_AT_S)
    wide.update(left_s=600, at_ms=NOW_MS, estimated=False)

    assert wide.low_at == usual.low_at
    assert wide.high_at - wide.eta_at == pytest.approx(1.5 * (usual.high_at - usual.eta_at), abs=2)


@given(ahead_s=st.floats(0, 4000), scales=st.lists(st.floats(0.2, 2), min_size=6, max_size=6))
def test_how_wide_the_range_is_between_two_places_lies_on_the_line(ahead_s, scales):
    assert range_scale(scales, ahead_s) == pytest.approx(np.interp(ahead_s, RANGE_AT_S, scales))


def test_a_range_may_be_narrow_far_out_and_wide_near_the_end():
    learned = (2.0, 1.5, 1.0, 0.5, 0.5, 0.5)
    for left_s, scale in ((30, 2.0), (180, 1.0), (600, 0.5)):
        estimate = ArrivalEstimate()
        estimate.high_scales = learned
        estimate.update(left_s=left_s, at_ms=NOW_MS, estimated=False)
        usual = estimate_of(left_s)

        assert estimate.high_at - estimate.eta_at == pytest.approx(scale * (usual.high_at - usual.eta_at), abs=2)


def test_an_instant_that_has_passed_is_told_anew_and_not_in_the_past():
    estimate = estimate_of(10)

    assert estimate.update(left_s=12, at_ms=NOW_MS + 11_000, estimated=False)

    assert estimate.eta_at == pytest.approx(NOW_MS + 23_000, abs=1_000)


def test_less_than_nothing_left_is_now():
    assert estimate_of(-30).eta_at == NOW_MS


def test_the_range_narrows_on_the_way_even_while_the_instant_rests():
    estimate = estimate_of(1800)
    widths = [width_ms(estimate)]

    for s in range(60, 1800, 60):
        estimate.update(left_s=1800 - s, at_ms=NOW_MS + s * 1000, estimated=False)
        widths.append(width_ms(estimate))

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 90_000 < widths[0]


def test_without_a_map_the_range_is_honest_about_it():
    guess = estimate_of(1800, estimated=True)

    assert guess.low_at < estimate_of(1800).low_at


@given(steps=st.lists(st.tuples(seconds, st.integers(0, 120_000), st.booleans()), min_size=1, max_size=30))
def test_the_range_always_holds_the_instant_and_the_instant_is_never_past(steps):
    estimate = ArrivalEstimate()
    at_ms = NOW_MS

    for left_s, later_ms, estimated in steps:
        at_ms += later_ms
        estimate.update(left_s=left_s, at_ms=at_ms, estimated=estimated)

        assert estimate.low_at <= estimate.eta_at <= estimate.high_at
        assert estimate.eta_at >= at_ms
        assert estimate.low_at >= at_ms


def test_the_pace_starts_as_expected_and_learns_slowly():
    pace = Pace()
    assert pace.factor == 1

    pace.observe(took_s=60, expected_s=30)
    assert 1 < pace.factor < 1.05
    for _ in range(60):
        pace.observe(took_s=60, expected_s=30)
    assert 1.2 < pace.factor < 1.5


@given(drives=st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e5, 1e5)), max_size=50))
def test_the_pace_stays_within_its_bounds(drives):
    pace = Pace()

    for took_s, expected_s in drives:
        pace.observe(took_s=took_s, expected_s=expected_s)

        assert PACE_MIN <= pace.factor <= PACE_MAX


@pytest.mark.parametrize("silence", SILENCES, ids=lambda silence: silence["name"])
def test_a_range_widens_with_the_silence_since_it_was_told(silence):
    low_at, eta_at, high_at = silence["told"]

    eta_at, low_at, high_at = arrival_as_of(
        silence["now_ms"],
        eta_at=eta_at,
        low_at=low_at,
        high_at=high_at,
        fixed_at=silence["fixed_at"],
        told_ms=silence["told_ms"],
    )

    assert [low_at, eta_at, high_at] == silence["holds"]


@given(st.integers(0, 900_000), st.integers(0, 900_000), st.integers(0, 900_000), st.integers(0, 900_000))
def test_it_is_the_same_whether_silence_was_told_in_between_or_not(ahead_ms, spread_ms, first_ms, more_ms):
    told = {"eta_at": ahead_ms, "low_at": max(0, ahead_ms - spread_ms), "high_at": ahead_ms + spread_ms}
    last_ms = first_ms + more_ms

    at_once = arrival_as_of(last_ms, **told, fixed_at=0, told_ms=0)
    eta_at, low_at, high_at = arrival_as_of(first_ms, **told, fixed_at=0, told_ms=0)
    in_between = arrival_as_of(last_ms, eta_at=eta_at, low_at=low_at, high_at=high_at, fixed_at=0, told_ms=first_ms)

    assert in_between == at_once
