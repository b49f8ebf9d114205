"""A made-up company that availability is measured on: technicians all over a city, and their visits.

200 technicians with 8 visits on each of 14 days is the usual size. Every visit is at a place of its own.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from math import cos, radians
from zoneinfo import ZoneInfo

import msgspec

from benchmarks.loading import CITY_LAT, CITY_LON
from slots.availability import MARGIN_S
from slots.calendar import BusyAt, Calendar, build_calendar
from slots.model import Break, Resource, Rules, ServiceType, Shift, Site
from slots.zones import day_bounds

ZONE_NAME = "Europe/Lisbon"
ZONE = ZoneInfo(ZONE_NAME)
FIRST_DAY = date(2026, 3, 23)
"""The second week begins with the change to summer time: the long way through the calendar is in the figure."""
CITY_RADIUS_DEGREES = 0.1
SKILLS = ("boiler", "heat-pump", "network")
SERVICE = ServiceType(id="boiler", name="Boiler", duration_s=3600, skill="boiler")
RULES = Rules(max_lead_days=366)
"""As they are by default, but that nothing is too far ahead for the days of the largest company."""
SHIFT_MIN = (8 * 60, 18 * 60)


class Company(msgspec.Struct, frozen=True):
    """Who works there, and where they are already; `busy` by technician key."""

    resources: tuple[Resource, ...]
    busy: dict[int, list[BusyAt]]


def make_company(*, technicians: int, visits_a_day: int, days: int, seed: int, first_day: date = FIRST_DAY) -> Company:
    """Every technician is a third of a day free, in gaps that differ; two thirds of them have the skill."""
    chance = random.Random(seed)
    resources, busy = [], {}
    for key in range(1, technicians + 1):
        home_lat, home_lon = somewhere(chance)
        resources.append(
            Resource(
                id=f"t{key}",
                key=key,
                name=f"Technician {key}",
                time_zone=ZONE_NAME,
                skills=frozenset(chance.sample(SKILLS, k=2)),
                home_lat=home_lat,
                home_lon=home_lon,
                max_travel_m=60_000.0,
                shifts=tuple(Shift(weekday=n, start_min=SHIFT_MIN[0], end_min=SHIFT_MIN[1]) for n in range(7)),
                breaks=tuple(Break(weekday=n, start_min=12 * 60, end_min=12 * 60 + 30) for n in range(7)),
            )
        )
        busy[key] = [
            visit
            for day in range(days)
            for visit in _day_of_visits(chance, first_day + timedelta(days=day), visits_a_day)
        ]
    return Company(tuple(resources), busy)


def somewhere(chance: random.Random) -> tuple[float, float]:
    """(lat, lon) in the city."""
    lat = CITY_LAT + chance.uniform(-CITY_RADIUS_DEGREES, CITY_RADIUS_DEGREES)
    lon = CITY_LON + chance.uniform(-CITY_RADIUS_DEGREES, CITY_RADIUS_DEGREES) / cos(radians(CITY_LAT))
    return lat, lon


def _day_of_visits(chance: random.Random, day: date, visits: int) -> list[BusyAt]:
    start_s = day_bounds(day, ZONE)[0] + SHIFT_MIN[0] * 60
    share_s = (SHIFT_MIN[1] - SHIFT_MIN[0]) * 60 // visits
    placed = []
    for number in range(visits):
        lat, lon = somewhere(chance)
        begins_s = start_s + number * share_s + chance.randrange(0, share_s // 3)
        placed.append(BusyAt(begins_s, begins_s + share_s * 2 // 3, lat, lon))
    # Real days have holes: a cancelled visit or two leaves room to offer.
    for _ in range(chance.choice((0, 1, 1, 2))):
        placed.pop(chance.randrange(len(placed)))
    return placed


def a_customer(number: int, chance: random.Random) -> Site:
    """Somebody in the city who asks, each from another place."""
    lat, lon = somewhere(chance)
    return Site(id=f"customer{number}", account_id="customer", name="Home", time_zone=ZONE_NAME, lat=lat, lon=lon)


def first_instant_s() -> int:
    """Midnight of the first day, when everybody asks."""
    return day_bounds(FIRST_DAY, ZONE)[0]


def last_day_of(days: int) -> date:
    return FIRST_DAY + timedelta(days=days - 1)


def calendar_for(company: Company, site: Site, *, days: int) -> Calendar:
    """What the server lays out for this customer once it has read the company."""
    return build_calendar(
        resources=company.resources,
        busy=company.busy,
        holidays=frozenset(),
        service=SERVICE,
        site=site,
        territory_ids=frozenset(),
        from_s=first_instant_s() - MARGIN_S,
        to_s=day_bounds(last_day_of(days), ZONE)[1] + MARGIN_S,
    )
