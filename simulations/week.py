"""Working days of technicians in a made-up city, as their phones told them: no server, no clock. Seeded. [pure]"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from simulations.cities import City
from simulations.gps_noise import USUAL, GpsFaults, PhoneFix, taken_by_phone
from simulations.journeys import drive, quickest_path, traffic_factor

DAY_S = 86_400
FIRST_HOUR, LAST_HOUR = 8.0, 17.0
WORK_S = (900.0, 2400.0)
STAND_S = 30.0


@dataclass(frozen=True, slots=True)
class Errand:
    """One drive to a visit: it begins ``start_s`` after the week does, the fixes count from there."""

    name: str
    technician: str
    start_s: float
    lat: float
    lon: float
    fixes: tuple[PhoneFix, ...]


def working_day(
    city: City,
    *,
    day: int,
    technicians: int,
    seed: str,
    slower: float = 1.0,
    interval_s: float = 10.0,
    faults: GpsFaults = USUAL,
) -> list[Errand]:
    """The drives of one day of the week (0 is its first), the earliest first.

    ``slower`` divides the speed between junctions that the usual traffic of the hour leaves.
    """
    errands = [
        errand
        for number in range(technicians)
        for errand in _errands(city, f"{seed}/{day}/{number}", day, number, slower, interval_s, faults)
    ]
    return sorted(errands, key=lambda errand: errand.start_s)


def _errands(
    city: City, seed: str, day: int, number: int, slower: float, interval_s: float, faults: GpsFaults
) -> Iterator[Errand]:
    random = Random(f"errands {seed}")
    nodes = sorted(city.leaving)
    at = random.choice(nodes)
    of_day_s = (FIRST_HOUR + random.uniform(0.0, 0.5)) * 3600.0
    count = 0
    while of_day_s < LAST_HOUR * 3600.0:
        here = city.nodes[at]
        # To the further half of the city: there is an arrival to tell some minutes ahead.
        by_distance = sorted(nodes, key=lambda n: math.dist(city.nodes[n], here))
        to = random.choice(by_distance[len(nodes) // 2 :])
        journey = drive(
            city,
            quickest_path(city, at, to),
            seed=f"{seed} {count}",
            traffic=traffic_factor(of_day_s / 3600.0) / slower,
        )
        deliveries = taken_by_phone(
            journey.at,
            duration_s=journey.duration_s + STAND_S,
            interval_s=interval_s,
            seed=f"{seed} {count}",
            faults=faults,
        )
        lat, lon = city.place(to)
        yield Errand(
            name=f"{day}-{number}-{count}",
            technician=f"technician-{number}",
            start_s=day * DAY_S + of_day_s,
            lat=lat,
            lon=lon,
            fixes=tuple(fix for delivery in deliveries for fix in delivery.fixes),
        )
        of_day_s += journey.duration_s + random.uniform(*WORK_S)
        at = to
        count += 1
