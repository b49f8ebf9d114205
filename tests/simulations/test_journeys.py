from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.journeys import (
    BRAKE_MPS2,
    SPEED_UP_MPS2,
    NoWayError,
    drive,
    quickest_path,
    traffic_factor,
)
from tests.simulations.cities import small_city


def some_journey(seed: int, traffic: float = 1.0):
    city, random = small_city(), Random(seed)
    start, end = random.sample(sorted(city.leaving), 2)
    return drive(city, quickest_path(city, start, end), seed=str(seed), traffic=traffic)


def off_street_m(journey, moment) -> float:
    x, y = journey.way.plane.xy(lat=moment.lat, lon=moment.lon)
    best = math.inf
    for (ax, ay), (bx, by) in pairwise(journey.way.points):
        length = math.dist((ax, ay), (bx, by))
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length
        along = min(max(along, 0.0), length)
        best = min(best, math.dist((x, y), (ax + (bx - ax) * along / length, ay + (by - ay) * along / length)))
    return best


def limit_mps(journey, driven_m: float) -> float:
    """The higher limit of the two streets that meet within half a metre."""
    return max(
        limit
        for limit, (from_m, to_m) in zip(journey.way.limits_mps, pairwise(journey.reach_m), strict=True)
        if from_m - 0.5 <= driven_m <= to_m + 0.5
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_car_stays_on_the_streets_and_keeps_to_their_limits(seed):
    journey = some_journey(seed)

    for second in range(math.ceil(journey.duration_s) + 1):
        moment = journey.at(second)
        assert off_street_m(journey, moment) < 0.5
        assert moment.speed_mps <= limit_mps(journey, moment.driven_m) + 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_a_car_speeds_up_and_brakes_no_harder_than_a_van(seed):
    journey = some_journey(seed)
    step_s = 0.25

    speeds = [journey.at(n * step_s).speed_mps for n in range(int(journey.duration_s / step_s) + 1)]

    for before, after in pairwise(speeds):
        assert -BRAKE_MPS2 - 1e-6 <= (after - before) / step_s <= SPEED_UP_MPS2 + 1e-6


def test_it_starts_and_ends_standing_at_the_two_ends():
    journey = some_journey(1)

    start, end = journey.at(0.0), journey.at(journey.duration_s + 60)

    assert (start.driven_m, start.speed_mps) == (0.0, 0.0)
    assert (end.driven_m, end.speed_mps) == (journey.length_m, 0.0)
    assert (end.lat, end.lon) == pytest.approx(journey.way.plane.lat_lon(*journey.way.points[-1]))


@given(seed=st.integers(0, 40), a=st.floats(0, 1), b=st.floats(0, 1))
def test_it_never_goes_back(seed, a, b):
    journey = some_journey(seed)

    early, late = (journey.at(share * journey.duration_s) for share in sorted((a, b)))

    assert early.driven_m <= late.driven_m + 1e-6


def test_one_way_streets_are_not_driven_against():
    city = small_city()
    street = next(s for s in city.streets if s.oneway)

    path = quickest_path(city, street.nodes[1], street.nodes[0])

    assert path[:2] != (street.nodes[1], street.nodes[0])


def test_the_path_is_never_slower_than_a_longer_way_round():
    city, random = small_city(), Random(5)
    a, b, c = random.sample(sorted(city.leaving), 3)

    def seconds(path):
        return sum(
            min(s.length_m / city.streets[s.street].limit_mps for s in city.leaving[one] if s.end == two)
            for one, two in pairwise(path)
        )

    direct = seconds(quickest_path(city, a, c))

    assert direct <= seconds(quickest_path(city, a, b)) + seconds(quickest_path(city, b, c)) + 1e-9


def test_the_same_seed_drives_the_same_and_traffic_takes_longer():
    free, again, busy = some_journey(3), some_journey(3), some_journey(3, traffic=0.6)

    assert free.phases == again.phases
    assert busy.duration_s > free.duration_s


def test_the_rush_hours_are_slower_than_the_night():
    assert traffic_factor(17.5) < traffic_factor(13.0) < traffic_factor(3.0) == 1.0


def test_a_place_outside_the_city_has_no_way_to_it():
    city = small_city()

    with pytest.raises(NoWayError, match="choose two of one town"):
        quickest_path(city, next(iter(city.leaving)), -1)
