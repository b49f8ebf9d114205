from itertools import pairwise

from simulations.week import DAY_S, FIRST_HOUR, LAST_HOUR, working_day
from tests.simulations.cities import small_city
from tracker.geo import distance_m


def test_the_same_seed_gives_the_same_day_and_another_day_is_another():
    one, again, next_day = (working_day(small_city(), day=day, technicians=2, seed="a") for day in (0, 0, 1))

    assert one == again
    assert [errand.lat for errand in one] != [errand.lat for errand in next_day]


def test_each_technician_drives_one_errand_after_the_other_in_working_hours():
    errands = working_day(small_city(), day=2, technicians=3, seed="a")

    assert [errand.start_s for errand in errands] == sorted(errand.start_s for errand in errands)
    for technician in {errand.technician for errand in errands}:
        own = [errand for errand in errands if errand.technician == technician]
        assert all(one.start_s + one.fixes[-1].t_s < after.start_s for one, after in pairwise(own))
        assert all(FIRST_HOUR <= (errand.start_s - 2 * DAY_S) / 3600 < LAST_HOUR for errand in own)


def test_an_errand_ends_at_its_visit_and_comes_from_afar():
    for errand in working_day(small_city(), day=0, technicians=2, seed="a"):
        first, last = (
            distance_m(lat=fix.lat, lon=fix.lon, to_lat=errand.lat, to_lon=errand.lon)
            for fix in (errand.fixes[0], errand.fixes[-1])
            if not fix.outlier
        )
        assert first > 500
        assert last < 60


def test_slower_traffic_makes_fewer_and_longer_drives():
    usual, slow = (working_day(small_city(), day=0, technicians=3, seed="a", slower=slower) for slower in (1.0, 4.0))

    def mean_s(errands):
        return sum(errand.fixes[-1].t_s for errand in errands) / len(errands)

    assert len(slow) < len(usual)
    assert mean_s(slow) > 1.5 * mean_s(usual)
