"""A search over travel times that are fetched is the search that asks for every leg."""

from __future__ import annotations

import datetime
import random
from zoneinfo import ZoneInfo

import pytest

from slots.availability import MARGIN_S, bookable_starts, find_candidates
from slots.booking.traveling import Aside, search
from slots.calendar import Busy, Calendar, build_calendar
from slots.model import Rules
from slots.travel import UNKNOWN_TRAVEL_S, StraightTravel, known_point
from slots.travel_table import Figure, Leg, TravelTable, straight
from tests.slots import oracle
from tests.slots.factories import MONDAY, MONDAY_S, NOW_S, a_resource, a_service, a_site, at, lunch, weekly
from tests.slots.travel_sources import FetchedTravel, Streets

HERE = known_point(lat=38.72, lon=-9.14)
THERE = known_point(lat=38.75, lon=-9.20)
ELSEWHERE = known_point(lat=38.70, lon=-9.30)
ZONE = ZoneInfo("Europe/Lisbon")
RULES = Rules(min_lead_s=0, slot_step_s=900, buffer_s=300)


def test_a_leg_of_the_site_that_is_not_at_hand_costs_nothing_and_is_missing():
    table = TravelTable({}.get, site=HERE)

    assert [table.seconds(HERE, THERE), table.seconds(THERE, HERE)] == [0, 0]
    assert (table.missing, table.later) == ({(HERE, THERE), (THERE, HERE)}, set())


def test_for_a_leg_between_two_others_the_straight_line_stands_in_marked_until_it_is_known():
    table = TravelTable({}.get, site=HERE)

    assert table.seconds(THERE, ELSEWHERE) == StraightTravel().seconds(THERE, ELSEWHERE)
    assert (table.missing, table.later, table.estimated) == (set(), {(THERE, ELSEWHERE)}, 1)


def test_what_was_known_a_while_ago_stands_in_before_the_straight_line():
    table = TravelTable({}.get, site=HERE, stand_in={(THERE, ELSEWHERE): Figure(700, False)}.get)

    assert table.seconds(THERE, ELSEWHERE) == 700
    assert (table.later, table.estimated) == ({(THERE, ELSEWHERE)}, 0)


def test_an_unknown_place_is_never_at_no_distance_and_is_not_asked_for():
    table = TravelTable({}.get, site=HERE)

    assert [table.seconds(None, HERE), table.seconds(HERE, None), table.seconds(None, None)] == [UNKNOWN_TRAVEL_S] * 3
    assert (table.missing, table.unknown_places) == (set(), True)


def test_a_leg_has_one_figure_for_the_whole_question():
    figures = iter([Figure(100, False), Figure(200, False)])
    table = TravelTable(lambda leg: next(figures), site=HERE)

    assert [table.seconds(HERE, THERE), table.seconds(HERE, THERE)] == [100, 100]


def test_legs_on_straight_lines_are_counted():
    table = TravelTable({(HERE, THERE): Figure(100, False), **straight([(THERE, HERE)])}.get, site=HERE)
    table.seconds(HERE, THERE)

    assert table.seconds(THERE, HERE) == StraightTravel().seconds(THERE, HERE)
    assert (table.estimated, len(table.used)) == (1, 2)


MANY = [pytest.param(seed, marks=pytest.mark.full) for seed in range(30, 2000)]


@pytest.mark.parametrize("seed", [*range(30), *MANY])
async def test_a_search_over_fetched_travel_finds_what_one_finds_that_asks_for_every_leg(seed: int):
    dice = random.Random(seed)
    calendar, people, busy = random_company(dice)
    streets = Streets(seconds_between(seed))
    source = FetchedTravel(streets._seconds_of)
    source.remembers = dice.random() < 0.5
    duration_s = dice.randint(1, 6) * 900
    starts = bookable_starts(MONDAY, MONDAY, zone=ZONE, rules=RULES, now_s=NOW_S)

    first, incomplete = await search(source, Aside(), calendar, starts, duration_s=duration_s, buffer_s=RULES.buffer_s)
    source.figures |= {leg: Figure(streets._seconds_of(leg), False) for leg in source.prepared}
    found, table = await search(source, Aside(), calendar, starts, duration_s=duration_s, buffer_s=RULES.buffer_s)

    directly = find_candidates(calendar, starts, duration_s=duration_s, travel=streets, buffer_s=RULES.buffer_s)
    skipped = {leg for leg in streets.asked if calendar.site not in leg}
    fetched = [leg for legs in source.fetches for leg in legs]
    assert found == directly
    assert [(c.start_s, c.technician_key, c.added_travel_s) for c in found] == oracle.candidates(
        people,
        busy,
        holidays=(),
        site=calendar.site,
        site_zone="Europe/Lisbon",
        first_day=MONDAY,
        last_day=MONDAY,
        duration_s=duration_s,
        travel=streets,
        rules=RULES,
        now_s=NOW_S,
        clock_span=(MONDAY_S - 2 * 86_400, MONDAY_S + 3 * 86_400),
    )
    # Who is to come may have been decided on straight lines, never whether somebody can.
    assert [candidate.start_s for candidate in first] == [candidate.start_s for candidate in found]
    assert (incomplete.missing, table.missing, table.later) == (set(), set(), set())
    assert all(calendar.site in leg for leg in fetched)
    assert len(fetched) == len(set(fetched)) * (1 if source.remembers else 2)
    assert source.prepared == skipped


async def test_a_second_search_over_what_was_fetched_fetches_nothing():
    calendar, _, _ = random_company(random.Random(3))
    source = FetchedTravel(seconds_between(3))
    starts = bookable_starts(MONDAY, MONDAY, zone=ZONE, rules=RULES, now_s=NOW_S)

    first, _ = await search(source, Aside(), calendar, starts, duration_s=900, buffer_s=0)
    asked = len(source.fetches)
    again, _ = await search(source, Aside(), calendar, starts, duration_s=900, buffer_s=0)

    assert again == first
    assert asked > 0
    assert len(source.fetches) == asked


def seconds_between(seed: int):
    """A time for each leg that has nothing to do with the way back, and at times with nothing at all."""

    def seconds(leg: Leg) -> int:
        dice = random.Random(f"{seed} {leg}")
        return dice.choice([0, 60, 300, 900, 1500, 4000, 20_000]) + dice.randrange(60)

    return seconds


def random_company(dice: random.Random) -> tuple[Calendar, list, dict[int, list[Busy]]]:
    """Full days of one to four technicians; some places are unknown, some the same."""
    places = [(38.7 + dice.random() / 5, -9.2 + dice.random() / 5) for _ in range(8)]
    people, busy = [], {}
    for key in range(1, dice.randint(1, 4) + 1):
        home = dice.choice([*places, (None, None)])
        start = dice.randrange(5 * 4, 11 * 4) * 15
        people.append(
            a_resource(
                id=f"t{key}",
                key=key,
                home_lat=home[0],
                home_lon=home[1],
                shifts=weekly(start, min(start + dice.randrange(24, 48) * 15, 1440)),
                breaks=lunch(start + 180, start + dice.choice([180, 195, 240])),
            )
        )
        position, busy[key] = at(0, day=-1), []
        while position < at(30):
            position += dice.randrange(0, 50) * 300
            until = position + dice.randrange(1, 12) * 300
            lat, lon = dice.choice([*places, (0.0, 0.0)])
            busy[key].append(Busy(position, until, known_point(lat=lat, lon=lon)))
            position = until
    lat, lon = dice.choice(places)
    site = a_site(lat=lat, lon=lon)
    calendar = build_calendar(
        resources=people,
        busy=busy,
        holidays=frozenset[datetime.date](),
        service=a_service(),
        site=site,
        territory_ids=frozenset(),
        from_s=MONDAY_S - MARGIN_S,
        to_s=MONDAY_S + 2 * 86_400 + MARGIN_S,
    )
    return calendar, people, busy
