import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS
from tracker.eta import ARRIVING_S, PACE_MAX, PACE_MIN, ArrivalEstimate, Pace

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


@pytest.mark.parametrize(
    ("left_s", "change_s", "told"), [(100, 19, False), (100, 21, True), (1000, 85, False), (1000, 90, True)]
)
def test_a_change_is_told_beyond_twenty_seconds_or_eight_percent(left_s, change_s, told):
    late = estimate_of(left_s)
    soon = estimate_of(left_s)

    assert late.update(left_s=left_s + change_s, at_ms=NOW_MS, estimated=False) is told
    assert soon.update(left_s=left_s - change_s, at_ms=NOW_MS, estimated=False) is (
        change_s > max(20, 0.08 * (left_s - change_s))
    )


def test_after_a_change_was_told_the_next_one_is_measured_from_it():
    estimate = estimate_of(600)
    assert estimate.update(left_s=700, at_ms=NOW_MS, estimated=False)

    assert not estimate.update(left_s=690, at_ms=NOW_MS, estimated=False)
    assert estimate.eta_at == NOW_MS + 700_000


@pytest.mark.parametrize(
    ("left_s", "standing_ms", "reason"),
    [(400, 0, "changed"), (400, 120_000, "standing still"), (ARRIVING_S, 0, "arriving"), (0, 500_000, "arriving")],
)
def test_a_change_says_why(left_s, standing_ms, reason):
    estimate = estimate_of(600)

    assert estimate.update(left_s=left_s, at_ms=NOW_MS, estimated=False, standing_ms=standing_ms)

    assert estimate.reason == reason


def test_an_instant_that_has_passed_is_told_anew_and_not_in_the_past():
    estimate = estimate_of(10)

    assert estimate.update(left_s=12, at_ms=NOW_MS + 11_000, estimated=False)

    assert estimate.eta_at == NOW_MS + 23_000


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
