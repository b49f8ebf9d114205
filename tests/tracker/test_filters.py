import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS, PLACE, drive, fix_at
from tracker.filters import (
    AGREEING,
    MAX_ACCURACY_M,
    MAX_AGE_MS,
    MAX_AHEAD_MS,
    MAX_SPEED_MPS,
    REMEMBERED,
    Kept,
    Rejection,
    TrackFilter,
)
from tracker.geo import LocalFrame, distance_m
from tracker.messages import Fix

CURRENT, LATE = Kept.CURRENT, Kept.LATE
HOUR_MS = 3_600_000


def receive(track: TrackFilter, fix: Fix):
    """Decide a fix at the moment it was made."""
    return track.receive(fix, fix.fixed_at)


def a_fix(**changed) -> Fix:
    return Fix(**({"fixed_at": NOW_MS, "lat": 41.15, "lon": -8.62} | changed))


def verdict_on(fix: Fix):
    return TrackFilter().receive(fix, NOW_MS)


# Shape of the numbers


@pytest.mark.parametrize("field", ["lat", "lon", "accuracy_m", "speed_mps"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_fix_without_a_finite_place_accuracy_or_speed_is_refused(field, number):
    assert verdict_on(a_fix(**{field: number})) is Rejection.NOT_FINITE


@pytest.mark.parametrize("place", [{"lat": 90.0001}, {"lat": -91}, {"lon": 180.0001}, {"lon": -1e300}])
def test_a_place_that_is_not_on_earth_is_refused(place):
    assert verdict_on(a_fix(**place)) is Rejection.OUT_OF_RANGE


@pytest.mark.parametrize("place", [(90, 0.1), (-90, 180), (0.1, -180), (0, 9), (9, 0)])
def test_the_edges_of_the_earth_are_on_it(place):
    lat, lon = place

    assert verdict_on(a_fix(lat=lat, lon=lon)) is CURRENT


@pytest.mark.parametrize("zero", [0.0, -0.0, 1e-9])
def test_null_island_is_refused(zero):
    assert verdict_on(a_fix(lat=zero, lon=zero)) is Rejection.NULL_ISLAND


@pytest.mark.parametrize("accuracy_m", [MAX_ACCURACY_M + 0.1, 1e300, -1])
def test_an_accuracy_that_says_nothing_on_a_street_map_is_refused(accuracy_m):
    assert verdict_on(a_fix(accuracy_m=accuracy_m)) is Rejection.INACCURATE


@pytest.mark.parametrize("accuracy_m", [None, 0.0, 3, MAX_ACCURACY_M])
def test_an_unknown_or_usable_accuracy_is_taken(accuracy_m):
    assert verdict_on(a_fix(accuracy_m=accuracy_m)) is CURRENT


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -1, 1e308])
def test_nonsense_in_what_a_position_does_not_need_is_unknown_and_costs_no_fix(number):
    track = TrackFilter()
    fix = a_fix(heading_deg=number, battery=number, altitude_m=number)

    assert receive(track, fix) is CURRENT

    assert (track.heading_deg, track.battery) == (None, None)
    assert (fix.heading_deg, fix.battery) == (None, None)


@pytest.mark.parametrize("speed_mps", [-1, MAX_SPEED_MPS + 1, 1e300])
def test_a_speed_no_technician_drives_is_unknown(speed_mps):
    track = TrackFilter()

    assert receive(track, a_fix(speed_mps=speed_mps)) is CURRENT
    assert track.speed_mps == 0.0


# The clock


def test_a_fix_from_the_future_is_refused_and_a_fast_clock_is_not():
    assert verdict_on(a_fix(fixed_at=NOW_MS + MAX_AHEAD_MS + 1)) is Rejection.FUTURE
    assert verdict_on(a_fix(fixed_at=NOW_MS + MAX_AHEAD_MS)) is CURRENT


def test_a_fix_older_than_a_day_is_stale():
    assert verdict_on(a_fix(fixed_at=NOW_MS - MAX_AGE_MS - 1)) is Rejection.STALE
    assert verdict_on(a_fix(fixed_at=NOW_MS - MAX_AGE_MS)) is CURRENT


@pytest.mark.parametrize("digits", [2**63, 2**64, 10**300])
def test_times_beyond_64_bits_are_refused_by_name(digits):
    assert verdict_on(a_fix(fixed_at=digits)) is Rejection.FUTURE
    assert verdict_on(a_fix(fixed_at=-digits)) is Rejection.STALE


# Order and repetition


def test_a_late_fix_is_history_and_never_moves_the_track():
    track = TrackFilter()
    receive(track, fix_at(s=60, east_m=500, heading_deg=90, speed_mps=10, battery=0.5))
    before = (track.fixed_at, track.lat, track.lon, track.speed_mps, track.heading_deg, track.battery)

    verdict = track.receive(fix_at(s=30, east_m=-300, heading_deg=5, speed_mps=1, battery=0.9), NOW_MS + 61_000)

    assert verdict is LATE
    assert (track.fixed_at, track.lat, track.lon, track.speed_mps, track.heading_deg, track.battery) == before


def test_a_repeated_fix_is_a_duplicate_whether_it_was_current_or_late():
    track = TrackFilter()
    receive(track, fix_at(s=60))
    track.receive(fix_at(s=30), NOW_MS + 60_000)

    assert track.receive(fix_at(s=60), NOW_MS + 60_000) is Rejection.DUPLICATE
    assert track.receive(fix_at(s=30), NOW_MS + 60_000) is Rejection.DUPLICATE


def test_the_memory_for_duplicates_has_an_end():
    track = TrackFilter()
    for s in range(REMEMBERED + 1):
        receive(track, fix_at(s=s))

    assert track.receive(fix_at(s=1), NOW_MS + HOUR_MS) is Rejection.DUPLICATE
    assert track.receive(fix_at(s=0), NOW_MS + HOUR_MS) is LATE


def test_a_batch_buffered_in_a_tunnel_is_taken_whole_and_ends_at_its_newest():
    track = TrackFilter()
    receive(track, fix_at(s=0))
    batch = [fix_at(s=s, east_m=15 * s) for s in range(1, 120)]

    verdicts = [track.receive(fix, NOW_MS + 120_000) for fix in batch]

    assert verdicts == [CURRENT] * len(batch)
    assert track.lon == batch[-1].lon


def test_a_batch_handed_in_backwards_is_kept_and_shows_its_newest():
    track = TrackFilter()
    batch = [fix_at(s=s, east_m=15 * s) for s in range(9, -1, -1)]

    verdicts = [track.receive(fix, NOW_MS + 10_000) for fix in batch]

    assert verdicts == [CURRENT] + [LATE] * 9
    assert track.lon == batch[0].lon


# Movement


def test_a_jump_faster_than_anybody_drives_is_refused():
    track = TrackFilter()
    receive(track, fix_at(s=0))

    assert receive(track, fix_at(s=1, east_m=2_000)) is Rejection.IMPOSSIBLE_SPEED
    assert distance_m(lat=track.lat, lon=track.lon, to_lat=PLACE.lat, to_lon=PLACE.lon) < 1e-3


def test_a_jump_at_odds_with_the_told_speed_is_refused():
    track = TrackFilter()
    receive(track, fix_at(s=0, speed_mps=2))

    assert receive(track, fix_at(s=5, east_m=300, speed_mps=2)) is Rejection.INCONSISTENT_SPEED


def test_a_jump_within_the_told_accuracies_is_no_movement_to_doubt():
    track = TrackFilter()
    receive(track, fix_at(s=0, accuracy_m=400))

    assert receive(track, fix_at(s=1, east_m=700, accuracy_m=400)) is CURRENT


def test_a_single_glitch_does_not_cost_the_fixes_after_it():
    track = TrackFilter()
    receive(track, fix_at(s=0))
    receive(track, fix_at(s=1, east_m=9_000))

    assert receive(track, fix_at(s=2, east_m=20)) is CURRENT


def test_a_glitch_that_was_believed_does_not_cost_the_fix_after_it():
    track = TrackFilter()
    for s in (0, 15):
        receive(track, fix_at(s=s, east_m=12 * s))
    # So far one may come in that time, but not back.
    assert receive(track, fix_at(s=60, east_m=12 * 60, north_m=2_500)) is CURRENT
    true = fix_at(s=75, east_m=12 * 75)

    assert receive(track, true) is CURRENT
    assert (track.lat, track.lon) == (true.lat, true.lon)
    assert receive(track, fix_at(s=90, east_m=12 * 90)) is CURRENT


def test_a_glitch_after_a_quick_drive_is_still_one():
    track = TrackFilter()
    for s in range(0, 60, 15):
        receive(track, fix_at(s=s, east_m=35 * s))

    assert receive(track, fix_at(s=60, east_m=35 * 60, north_m=1_500)) is Rejection.IMPOSSIBLE_SPEED
    assert receive(track, fix_at(s=75, east_m=35 * 75)) is CURRENT


def test_refused_fixes_that_agree_with_each_other_win():
    track = TrackFilter()
    receive(track, fix_at(s=0))
    moved = [fix_at(s=s, east_m=9_000 + 10 * s) for s in range(1, AGREEING + 2)]

    verdicts = [receive(track, fix) for fix in moved]

    assert verdicts == [Rejection.IMPOSSIBLE_SPEED] * (AGREEING - 1) + [CURRENT, CURRENT]
    assert track.lon == moved[-1].lon


def test_refused_fixes_that_contradict_each_other_do_not_win():
    track = TrackFilter()
    receive(track, fix_at(s=0))
    scattered = [fix_at(s=s, east_m=9_000 * (-1) ** s) for s in range(1, 20)]

    assert {receive(track, fix) for fix in scattered} == {Rejection.IMPOSSIBLE_SPEED}


def test_a_believed_fix_in_between_ends_the_doubt():
    track = TrackFilter()
    receive(track, fix_at(s=0))
    for s in (1, 2):
        receive(track, fix_at(s=s, east_m=9_000))
    receive(track, fix_at(s=3))

    assert receive(track, fix_at(s=4, east_m=9_000)) is Rejection.IMPOSSIBLE_SPEED


def test_a_repeated_refused_fix_does_not_vouch_for_itself():
    track = TrackFilter()
    receive(track, fix_at(s=0))
    glitch = fix_at(s=1, east_m=9_000)

    assert {track.receive(glitch, NOW_MS + 1_000) for _ in range(9)} == {Rejection.IMPOSSIBLE_SPEED}


@pytest.mark.parametrize("every_s", [1, 2, 5, 15, 60])
@pytest.mark.parametrize("mps", [4, 14, 25, 40])
@pytest.mark.parametrize("tells_speed", [True, False])
def test_a_driving_feed_is_never_starved(every_s, mps, tells_speed):
    track = TrackFilter()
    fixes = list(drive(every_s=every_s, mps=mps, lasting_s=60 * every_s, rms_m=8, tells_speed=tells_speed))

    verdicts = []
    shown = set()
    for fix in fixes:
        verdicts.append(receive(track, fix))
        shown.add(track.lon)

    assert verdicts == [CURRENT] * len(fixes)
    assert len(shown) > 0.95 * len(fixes)


def test_a_phone_whose_speed_is_stuck_at_zero_still_moves_on_the_map():
    track = TrackFilter()
    late_m = []

    for fix in drive(every_s=10, mps=30, lasting_s=900):
        fix.speed_mps = 0.0
        receive(track, fix)
        late_m.append(distance_m(lat=track.lat, lon=track.lon, to_lat=fix.lat, to_lon=fix.lon))

    assert max(late_m) <= AGREEING * 300


@pytest.mark.parametrize("rms_m", [3, 5, 6.4, 8])
@pytest.mark.parametrize(("every_s", "count"), [(1, 900), (15, 240)])
def test_a_parked_car_stands_still_on_the_map_however_its_gps_wanders(rms_m, every_s, count):
    for seed in range(6):
        track = TrackFilter()
        settled = set()
        for fix in drive(every_s=every_s, mps=0, lasting_s=count * every_s, rms_m=rms_m, seed=seed):
            receive(track, fix)
            if fix.fixed_at > NOW_MS + 120_000:
                settled.add((track.lat, track.lon, track.speed_mps))

        assert len(settled) == 1
        assert track.standing
        assert track.speed_mps == 0.0


@pytest.mark.parametrize("every_s", [1, 15])
@pytest.mark.parametrize("tells_speed", [True, False])
def test_setting_off_after_a_stop_is_shown_within_two_fixes_of_leaving_the_spot(every_s, tells_speed):
    track = TrackFilter()
    noise = random.Random(3)
    for number in range(60):
        receive(track, fix_at(s=number * every_s, east_m=noise.gauss(0, 3), north_m=noise.gauss(0, 3)))
    assert track.standing

    gone = None
    for number in range(1, 60):
        east_m = 8.0 * number * every_s
        speed_mps = 8.0 if tells_speed else None
        receive(track, fix_at(s=(59 + number) * every_s, east_m=east_m, speed_mps=speed_mps))
        if not track.standing:
            gone = east_m
            break

    assert gone is not None
    assert gone <= max(40.0, 2 * 8.0 * every_s)


def test_a_slow_walk_is_not_taken_for_standing_for_long():
    track = TrackFilter()
    behind_m = []

    for fix in drive(every_s=1, mps=1, lasting_s=600):
        receive(track, fix)
        behind_m.append(distance_m(lat=track.lat, lon=track.lon, to_lat=fix.lat, to_lon=fix.lon))

    assert max(behind_m) < 60


# Speed and heading


@pytest.mark.parametrize("every_s", [1, 5, 15])
def test_speed_and_heading_that_nobody_told_come_from_the_movement(every_s):
    track = TrackFilter()

    for fix in drive(every_s=every_s, mps=12, lasting_s=40 * every_s, rms_m=2):
        receive(track, fix)

    assert track.speed_mps == pytest.approx(12, rel=0.2)
    assert track.heading_deg == pytest.approx(90, abs=20)


def test_told_speed_and_heading_win_over_the_movement():
    track = TrackFilter()
    for fix in drive(every_s=1, mps=12, lasting_s=20):
        receive(track, fix)

    receive(track, fix_at(s=20, east_m=240, speed_mps=11.5, heading_deg=271))

    assert (track.speed_mps, track.heading_deg) == (11.5, 271)


@pytest.mark.parametrize("gaps_ms", [(1, 1_900), (1, 7_900), (1, 1), (3, 500, 14_000)])
def test_the_speed_stays_possible_in_any_rhythm_of_fixes(gaps_ms):
    track = TrackFilter()
    noise = random.Random(5)
    at_ms = 0
    speeds = []

    for number in range(2_000):
        at_ms += gaps_ms[number % len(gaps_ms)]
        receive(track, fix_at(s=at_ms / 1000, east_m=at_ms / 100 + noise.gauss(0, 5), north_m=noise.gauss(0, 5)))
        speeds.append(track.speed_mps)

    assert min(speeds) >= 0
    assert max(speeds) <= MAX_SPEED_MPS


# Places where arithmetic on degrees breaks


@pytest.mark.parametrize("heading", [1, -1])
def test_a_ferry_over_the_antimeridian_is_a_drive_like_any_other(heading):
    track = TrackFilter()
    start = LocalFrame(lat=-17, lon=heading * 179.995)

    verdicts = [receive(track, fix_at(s=s, east_m=heading * 14 * s, around=start)) for s in range(0, 300, 5)]

    assert verdicts == [CURRENT] * len(verdicts)
    assert math.copysign(1, track.lon) == -heading
    assert track.speed_mps == pytest.approx(14, rel=0.05)


@pytest.mark.parametrize("lat", [90.0, -90.0, 89.9999])
def test_walking_round_a_pole_crashes_nothing(lat):
    track = TrackFilter()

    for number in range(72):
        receive(track, Fix(NOW_MS + number * 1000, lat, number * 5.0 - 180))

    assert math.isfinite(track.speed_mps)


def test_a_long_way_from_where_the_track_began_it_is_still_followed():
    track = TrackFilter()

    verdicts = [receive(track, fix) for fix in drive(every_s=15, mps=33, lasting_s=2 * 3600)]

    assert set(verdicts) == {CURRENT}


anything = st.floats(allow_nan=True, allow_infinity=True)
some_fix = st.builds(
    Fix,
    fixed_at=st.one_of(st.integers(NOW_MS - 100_000, NOW_MS + 70_000), st.integers()),
    lat=st.one_of(st.floats(41.14, 41.16), st.floats(-90, 90), anything),
    lon=st.one_of(st.floats(-8.63, -8.61), st.floats(-180, 180), anything),
    accuracy_m=st.one_of(st.none(), st.floats(0, 500), anything),
    speed_mps=st.one_of(st.none(), st.floats(0, 60), anything),
    heading_deg=st.one_of(st.none(), st.floats(0, 360), anything),
    altitude_m=st.one_of(st.none(), anything),
    battery=st.one_of(st.none(), st.floats(0, 1), anything),
)


@given(fixes=st.lists(some_fix, max_size=30))
def test_whatever_comes_the_track_stays_a_finite_possible_one_in_order_of_time(fixes):
    track = TrackFilter()

    for fix in fixes:
        newest = track.fixed_at
        verdict = track.receive(fix, NOW_MS)

        assert isinstance(verdict, Kept | Rejection)
        assert track.fixed_at == (fix.fixed_at if verdict is CURRENT else newest)
        assert -90 <= track.lat <= 90
        assert -180 <= track.lon <= 180
        assert 0 <= track.speed_mps <= MAX_SPEED_MPS
        assert track.heading_deg is None or 0 <= track.heading_deg <= 360
        assert track.battery is None or 0 <= track.battery <= 1
        assert track.accuracy_m is None or 0 <= track.accuracy_m <= MAX_ACCURACY_M
        if isinstance(verdict, Kept):
            kept = (fix.lat, fix.lon, fix.accuracy_m, fix.speed_mps, fix.heading_deg, fix.battery)
            assert all(number is None or math.isfinite(number) for number in kept)


def test_every_reason_has_a_name_of_its_own():
    assert len({reason.value for reason in Rejection}) == len(Rejection)
