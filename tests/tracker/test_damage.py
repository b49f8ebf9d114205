from tests.tracker.journeys import drive
from tracker.damage import damaged
from tracker.geo import distance_m
from tracker.recordings import Recording

TRIP = Recording("a", tuple(drive(every_s=5, mps=10, lasting_s=5_000)))


def test_the_same_seed_gives_the_same_damage_and_another_one_another():
    assert damaged(TRIP, seed=1) == damaged(TRIP, seed=1)
    assert damaged(TRIP, seed=1) != damaged(TRIP, seed=2)


def test_a_damaged_feed_has_gaps_doubles_swaps_and_jumps():
    received = damaged(TRIP, seed=3)
    times = [fix.fixed_at for fix in received]
    true = {fix.fixed_at: fix for fix in TRIP.fixes}
    off_m = [
        distance_m(lat=fix.lat, lon=fix.lon, to_lat=true[fix.fixed_at].lat, to_lon=true[fix.fixed_at].lon)
        for fix in received
    ]

    assert 0.6 < len(set(times)) / len(TRIP.fixes) < 0.8
    assert len(set(times)) < len(times)
    assert times != sorted(times)
    assert 0.005 < sum(metres > 400 for metres in off_m) / len(off_m) < 0.05
    assert sorted(off_m)[len(off_m) // 2] < 15


def test_a_trip_of_a_few_fixes_survives():
    short = Recording("b", TRIP.fixes[:3])

    assert len(damaged(short, seed=1)) <= 6
