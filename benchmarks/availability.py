"""How long does a customer wait for two weeks of slots of a large company?

200 technicians with 8 visits on each of 14 days, and customers all over the city who ask what is free. Pure logic: the
snapshot is in memory already, reading it from the database is not in the figure.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from math import cos, radians
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns
from zoneinfo import ZoneInfo

import click
import msgspec

from benchmarks.loading import CITY_LAT, CITY_LON, as_json
from slots.availability import MARGIN_S, bookable_starts, find_candidates
from slots.calendar import Busy, Calendar, build_calendar
from slots.model import Break, Resource, Rules, ServiceType, Shift, Site
from slots.travel import StraightTravel, known_point
from slots.zones import day_bounds

ZONE_NAME = "Europe/Lisbon"
ZONE = ZoneInfo(ZONE_NAME)
FIRST_DAY = date(2026, 3, 23)
"""The second week begins with the change to summer time: the long way through the calendar is in the figure."""
CITY_RADIUS_DEGREES = 0.1
SKILLS = ("boiler", "heat-pump", "network")
SERVICE = ServiceType(id="boiler", name="Boiler", duration_s=3600, skill="boiler")
RULES = Rules()
SHIFT_MIN = (8 * 60, 18 * 60)


class Company(msgspec.Struct, frozen=True):
    """Who works there, and where they are already; `busy` by technician key."""

    resources: tuple[Resource, ...]
    busy: dict[int, list[Busy]]


class Row(msgspec.Struct, frozen=True):
    """Milliseconds of one stage over all questions."""

    stage: str
    p50_ms: float
    p95_ms: float
    max_ms: float


def make_company(*, technicians: int, visits_a_day: int, days: int, seed: int) -> Company:
    """Every technician is a third of a day free, in gaps that differ; a third of them have the skill."""
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
            for visit in _day_of_visits(chance, FIRST_DAY + timedelta(days=day), visits_a_day)
        ]
    return Company(tuple(resources), busy)


def somewhere(chance: random.Random) -> tuple[float, float]:
    """(lat, lon) in the city."""
    lat = CITY_LAT + chance.uniform(-CITY_RADIUS_DEGREES, CITY_RADIUS_DEGREES)
    lon = CITY_LON + chance.uniform(-CITY_RADIUS_DEGREES, CITY_RADIUS_DEGREES) / cos(radians(CITY_LAT))
    return lat, lon


def _day_of_visits(chance: random.Random, day: date, visits: int) -> list[Busy]:
    start_s = day_bounds(day, ZONE)[0] + SHIFT_MIN[0] * 60
    share_s = (SHIFT_MIN[1] - SHIFT_MIN[0]) * 60 // visits
    placed = []
    for number in range(visits):
        lat, lon = somewhere(chance)
        begins_s = start_s + number * share_s + chance.randrange(0, share_s // 3)
        placed.append(Busy(begins_s, begins_s + share_s * 2 // 3, known_point(lat=lat, lon=lon)))
    # Real days have holes: a cancelled visit or two leaves room to offer.
    for _ in range(chance.choice((0, 1, 1, 2))):
        placed.pop(chance.randrange(len(placed)))
    return placed


def ask(company: Company, site: Site, *, days: int) -> tuple[int, int, int]:
    """One customer's question; (nanoseconds for the calendar, for the search, slots found)."""
    last_day = FIRST_DAY + timedelta(days=days - 1)
    now_s = day_bounds(FIRST_DAY, ZONE)[0]
    began_ns = perf_counter_ns()
    calendar: Calendar = build_calendar(
        resources=company.resources,
        busy=company.busy,
        holidays=frozenset(),
        service=SERVICE,
        site=site,
        territory_ids=frozenset(),
        from_s=now_s - MARGIN_S,
        to_s=day_bounds(last_day, ZONE)[1] + MARGIN_S,
    )
    built_ns = perf_counter_ns()
    starts = bookable_starts(FIRST_DAY, last_day, zone=ZONE, rules=RULES, now_s=now_s)
    found = find_candidates(
        calendar, starts, duration_s=SERVICE.duration_s, travel=StraightTravel(), buffer_s=RULES.buffer_s
    )
    return built_ns - began_ns, perf_counter_ns() - built_ns, len(found)


def measure(*, technicians: int, visits_a_day: int, days: int, questions: int, seed: int) -> tuple[list[Row], int]:
    """The rows, and the median number of slots a customer was offered."""
    company = make_company(technicians=technicians, visits_a_day=visits_a_day, days=days, seed=seed)
    chance = random.Random(seed + 1)
    answers = []
    for number in range(questions):
        lat, lon = somewhere(chance)
        site = Site(id=f"s{number}", account_id="a", name="Home", time_zone=ZONE_NAME, lat=lat, lon=lon)
        answers.append(ask(company, site, days=days))
    times_ms = {
        "calendar": [calendar_ns / 1e6 for calendar_ns, _, _ in answers],
        "search": [search_ns / 1e6 for _, search_ns, _ in answers],
        "answer": [(calendar_ns + search_ns) / 1e6 for calendar_ns, search_ns, _ in answers],
    }
    rows = [
        Row(stage, median(ms), quantiles(ms, n=20, method="inclusive")[-1], max(ms)) for stage, ms in times_ms.items()
    ]
    return rows, int(median(found for _, _, found in answers))


@click.command("availability")
@click.option("--smoke", is_flag=True, help="A small company: proves that it runs, measures nothing.")
@click.option("--technicians", default=200, show_default=True)
@click.option("--visits", default=8, show_default=True, help="Visits of one technician on one day.")
@click.option("--days", default=14, show_default=True)
@click.option("--questions", default=100, show_default=True, help="Customers who ask, each from another place.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(
    smoke: bool, technicians: int, visits: int, days: int, questions: int, seed: int, json_path: Path | None
) -> None:
    """Milliseconds to find the free slots of a large company."""
    if smoke:
        technicians, days, questions = 20, 3, 5
    rows, slots = measure(technicians=technicians, visits_a_day=visits, days=days, questions=questions, seed=seed)
    click.echo(f"{technicians} technicians, {visits} visits a day, {days} days: {slots} slots offered (median)")
    click.echo(f"{'stage':10} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    for row in rows:
        click.echo(f"{row.stage:10} {row.p50_ms:8.2f} {row.p95_ms:8.2f} {row.max_ms:8.2f}")
    if json_path:
        json_path.write_bytes(as_json(rows))


if __name__ == "__main__":
    main()
