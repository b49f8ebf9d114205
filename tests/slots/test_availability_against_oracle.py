"""Random small calendars around the days on which clocks change: the fast answer is the slow answer."""

from __future__ import annotations

import datetime
import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slots.availability import MARGIN_S, bookable_starts, find_candidates
from slots.calendar import Busy, build_calendar
from slots.model import Break, Resource, Rules, ServiceType, Shift, ShiftException, Territory
from slots.territory import territory_map
from slots.travel import StraightTravel, known_point
from tests.slots import oracle
from tests.slots.clock_changes import CHANGES
from tests.slots.factories import a_resource, a_service, a_site, lunch, weekly

DAY_S = 86_400
TRAVEL = StraightTravel()

# A few kilometres apart, so that travel is minutes and visits interact; None and 0,0 are unknown places.
PLACES = [(38.72, -9.14), (38.75, -9.20), (38.80, -9.10), (38.72, -9.141), None, (0.0, 0.0)]
TERRITORIES = [
    oracle.Rectangle("south", (38.70, -9.30), (38.74, -9.00)),
    oracle.Rectangle("west", (38.70, -9.30), (38.90, -9.13)),
    oracle.Rectangle("far", (41.0, -9.0), (42.0, -8.0)),
]
quarters = st.integers(0, 95).map(lambda n: n * 15)


@st.composite
def hours(draw: st.DrawFn, kind: type[Shift] | type[Break], shortest: int, longest: int) -> Shift | Break:
    start = draw(quarters)
    length = draw(st.integers(shortest, longest)) * 15
    end = start + length
    return kind(weekday=draw(st.integers(0, 6)), start_min=start, end_min=end - 1440 if end > 1440 else end)


@st.composite
def exceptions(draw: st.DrawFn, day: datetime.date) -> ShiftException:
    date = day + datetime.timedelta(days=draw(st.integers(-1, 1)))
    if draw(st.booleans()):
        return ShiftException(date=date, kind="off")
    start = draw(quarters)
    end = draw(st.integers(start // 15 + 1, 96)) * 15
    return ShiftException(date=date, kind=draw(st.sampled_from(["off", "extra"])), start_min=start, end_min=end)


@st.composite
def resources(draw: st.DrawFn, key: int, zones: list[str], day: datetime.date) -> Resource:
    home = draw(st.sampled_from(PLACES))
    every_day = draw(st.integers(0, 3)) > 0
    shifts = tuple(draw(st.lists(hours(Shift, 8, 60), min_size=1, max_size=5)))
    if every_day:
        first = shifts[0]
        shifts = tuple(Shift(weekday=weekday, start_min=first.start_min, end_min=first.end_min) for weekday in range(7))
    return Resource(
        id=f"t{key}",
        key=key,
        name=f"T{key}",
        time_zone=draw(st.sampled_from(zones)),
        home_lat=home[0] if home else None,
        home_lon=home[1] if home else None,
        active=draw(st.integers(0, 7)) > 0,
        skills=draw(st.sampled_from([frozenset({"gas"}), frozenset({"gas", "power"}), frozenset()])),
        territories=draw(st.sampled_from([frozenset()] * 5 + [frozenset({area.id}) for area in TERRITORIES])),
        max_visits_a_day=draw(st.sampled_from([None, None, None, 8, 4, 1])),
        max_travel_m=draw(st.sampled_from([None, None, None, None, 20_000.0, 7_000.0, 1_000.0])),
        shifts=shifts,
        breaks=tuple(draw(st.lists(hours(Break, 1, 6), max_size=3))),
        exceptions=tuple(draw(st.lists(exceptions(day), max_size=2))),
    )


@st.composite
def busy_lanes(draw: st.DrawFn, midnight_s: int) -> list[Busy]:
    """Visits that follow each other without overlap, from the day before to the day after."""
    lane = []
    position = midnight_s - DAY_S
    for _ in range(draw(st.integers(0, 14))):
        position += draw(st.integers(0, 48)) * 300
        end = position + draw(st.integers(1, 24)) * 300
        place = draw(st.sampled_from(PLACES))
        lane.append(Busy(position, end, known_point(lat=place[0], lon=place[1]) if place else None))
        position = end
    return lane


@pytest.mark.parametrize(
    "count", [100, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(3600)])], ids="{} calendars".format
)
def test_the_fast_answer_is_the_slow_one(count: int) -> None:
    settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))(given(st.data())(compare))()


def compare(data: st.DataObject) -> None:
    zone_name, day = data.draw(st.sampled_from(CHANGES))
    midnight_s = midnight(zone_name, day)
    zones = [zone_name, zone_name, "Europe/Paris"]
    count = data.draw(st.integers(1, 3))
    people = [data.draw(resources(key, zones, day)) for key in range(1, count + 1)]

    fast, slow = both_answers(
        people,
        {person.key: data.draw(busy_lanes(midnight_s)) for person in people},
        zone_name=zone_name,
        place=data.draw(st.sampled_from(PLACES)),
        midnight_s=midnight_s,
        asked=day + datetime.timedelta(days=data.draw(st.integers(0, 1))),
        holidays=frozenset(data.draw(st.sampled_from([(), (), (), (day,), (day + datetime.timedelta(days=1),)]))),
        service=a_service(
            duration_s=data.draw(st.integers(1, 8)) * 900, skill=data.draw(st.sampled_from([None, None, "gas"]))
        ),
        rules=Rules(
            min_lead_s=data.draw(st.sampled_from([0, 7200])),
            min_lead_days=data.draw(st.sampled_from([0, 0, 0, 1])),
            max_lead_days=data.draw(st.integers(1, 3)),
            slot_step_s=data.draw(st.sampled_from([300, 900, 3600])),
            buffer_s=data.draw(st.sampled_from([0, 300, 1000])),
        ),
        now_s=midnight_s + data.draw(st.integers(-24, 6)) * 3600,
        done={person.key: [midnight_s + data.draw(st.integers(-24, 48)) * 3600] for person in people},
    )

    assert fast == slow


@pytest.mark.parametrize("seed", [*range(72), *(pytest.param(seed, marks=pytest.mark.full) for seed in range(72, 720))])
def test_the_fast_answer_is_the_slow_one_on_full_days(seed: int) -> None:
    """Hypothesis likes small and empty; here every day is full of visits, also just before and after the shift."""
    dice = random.Random(seed)
    zone_name, day = CHANGES[seed % len(CHANGES)]
    midnight_s = midnight(zone_name, day)
    people = []
    busy: dict[int, list[Busy]] = {}
    for key in range(1, dice.randint(1, 3) + 1):
        home = dice.choice(PLACES) or (None, None)
        start = dice.randrange(4 * 4, 12 * 4) * 15
        pause = start + dice.randrange(4, 16) * 15
        length = dice.randrange(24, 40) * 15
        people.append(
            a_resource(
                id=f"t{key}",
                key=key,
                time_zone=zone_name,
                home_lat=home[0],
                home_lon=home[1],
                shifts=weekly(start, min(start + length, 1440)),
                breaks=lunch(pause, pause + dice.choice([15, 30, 60])),
            )
        )
        busy[key] = full_lane(dice, midnight_s + start * 60 - 3 * 3600, midnight_s + (start + length) * 60 + 3 * 3600)

    fast, slow = both_answers(
        people,
        busy,
        zone_name=zone_name,
        place=dice.choice(PLACES),
        midnight_s=midnight_s,
        asked=day,
        holidays=frozenset(),
        service=a_service(duration_s=dice.randint(1, 4) * 900),
        rules=Rules(min_lead_s=0, slot_step_s=300, buffer_s=dice.choice([0, 300, 900])),
        now_s=midnight_s - DAY_S,
    )

    assert fast == slow


def full_lane(dice: random.Random, position: int, end: int) -> list[Busy]:
    lane = []
    while position < end:
        position += dice.randrange(0, 30) * 300
        until = position + dice.randrange(1, 12) * 300
        place = dice.choice(PLACES)
        lane.append(Busy(position, until, known_point(lat=place[0], lon=place[1]) if place else None))
        position = until
    return lane


def midnight(zone_name: str, day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone_name)).timestamp())


def both_answers(
    people: list[Resource],
    busy: dict[int, list[Busy]],
    *,
    zone_name: str,
    place: tuple[float, float] | None,
    midnight_s: int,
    asked: datetime.date,
    holidays: frozenset[datetime.date],
    service: ServiceType,
    rules: Rules,
    now_s: int,
    done: dict[int, list[int]] | None = None,
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    site = a_site(time_zone=zone_name, lat=place[0] if place else None, lon=place[1] if place else None)
    inside = territory_map(tuple(territory(area) for area in TERRITORIES))
    calendar = build_calendar(
        resources=people,
        busy=busy,
        holidays=holidays,
        service=service,
        site=site,
        territory_ids=inside.containing(lat=place[0], lon=place[1]) if place else frozenset(),
        from_s=midnight_s - MARGIN_S,
        to_s=midnight_s + 3 * DAY_S + service.duration_s + MARGIN_S,
        done=done,
    )
    starts = bookable_starts(asked, asked, zone=ZoneInfo(zone_name), rules=rules, now_s=now_s)
    fast = find_candidates(calendar, starts, duration_s=service.duration_s, travel=TRAVEL, buffer_s=rules.buffer_s)
    known = place is not None and place != (0.0, 0.0)
    slow = oracle.candidates(
        [p for p in people if oracle.may_come(p, service=service, place=place, territories=TERRITORIES)],
        busy,
        holidays=holidays,
        site=known_point(lat=place[0], lon=place[1]) if place is not None and known else None,
        site_zone=zone_name,
        first_day=asked,
        last_day=asked,
        duration_s=service.duration_s,
        travel=TRAVEL,
        rules=rules,
        now_s=now_s,
        clock_span=(midnight_s - 4 * DAY_S, midnight_s + 6 * DAY_S),
        done=done,
    )
    return [(c.start_s, c.technician_key, c.added_travel_s) for c in fast], slow


def territory(area: oracle.Rectangle) -> Territory:
    (south, west), (north, east) = area.south_west, area.north_east
    ring = f"[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]"
    return Territory(id=area.id, name=area.id, polygon=f'{{"type":"Polygon","coordinates":[{ring}]}}')
