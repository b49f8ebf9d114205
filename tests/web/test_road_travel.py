"""The road engine as the source of travel between visits: asked in few tables, never waited for long."""

from __future__ import annotations

import asyncio
import logging
import random
from array import array
from math import ceil

import pytest

from slots.travel import Point, StraightTravel, known_point
from slots.travel_table import Figure
from tests.tracker.roads.tiny_extract import small_town
from tracker.errors import RoadsUnavailable
from tracker.roads.build import build_roads
from tracker.roads.embedded import EmbeddedRoads
from web.road_travel import MOST_UNDER_WAY, PAUSE_S, RoadTravel, tables_for
from web.travel_cache import STAND_IN_S, place_of


def point(lat: float, lon: float) -> Point:
    found = known_point(lat=lat, lon=lon)
    assert found is not None
    return found


SITE = point(41.15, -8.61)
PLACES = [point(41.10 + number / 1000, -8.60) for number in range(40)]
LEG = (SITE, PLACES[0])


def driven_s(origin: tuple[float, float], destination: tuple[float, float]) -> float:
    """Not the same in both directions, and never whole seconds."""
    return abs(origin[0] - destination[0]) * 10_000 + destination[0] * 100 + 0.25


class Engine:
    """A road engine that can be held up, fail, and know no way to some places."""

    def __init__(self) -> None:
        self.asked: list[tuple[list, list]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.problem: Exception | None = None
        self.off_the_map: set[tuple[float, float]] = set()
        self.was_asked = asyncio.Event()
        self.exactly_s: float | None = None

    async def travel_s(self, origins, destinations=None):
        self.asked.append((origins, destinations))
        self.was_asked.set()
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        if self.exactly_s is not None:
            return [[self.exactly_s for _ in destinations] for _ in origins]
        return [
            [None if {start, end} & self.off_the_map else driven_s(start, end) for end in destinations]
            for start in origins
        ]


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def travel(engine, clock):
    travel = RoadTravel(engine, patience_s=0.02, now_s=clock)
    yield travel
    await travel.close()


def questions(name: str = "travel") -> list[asyncio.Task]:
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


def line(leg: tuple[Point, Point]) -> Figure:
    return Figure(StraightTravel().seconds(*leg), True)


def road(leg: tuple[Point, Point]) -> Figure:
    return Figure(ceil(round(driven_s(place_of(leg[0]), place_of(leg[1])), 3)), False)


async def test_legs_are_what_the_engine_says_rounded_up_each_in_its_direction(travel, engine):
    legs = [LEG, LEG[::-1], (PLACES[1], PLACES[2])]

    figures = await travel.fetch(legs)

    assert figures == {leg: road(leg) for leg in legs}
    assert figures[LEG] != figures[LEG[::-1]]
    assert travel.outcomes == {"roads": 3}


async def test_what_was_fetched_is_at_hand_and_not_asked_again(travel, engine):
    await travel.fetch([LEG])

    assert travel.offered(LEG) == travel.accepted(LEG) == road(LEG)
    assert await travel.fetch([LEG]) == {LEG: road(LEG)}
    assert len(engine.asked) == 1


async def test_two_who_want_the_same_leg_ask_once(travel, engine):
    both = await asyncio.gather(travel.fetch([LEG]), travel.fetch([LEG]))

    assert both == [{LEG: road(LEG)}] * 2
    assert len(engine.asked) == 1


def test_all_legs_of_one_site_are_two_tables():
    legs = [(SITE, place) for place in PLACES] + [(place, SITE) for place in PLACES]

    tables = list(tables_for(legs))

    assert sorted((len(table.origins), len(table.destinations)) for table in tables) == [(1, 40), (40, 1)]


async def test_a_place_and_its_neighbours_are_two_questions_however_many_they_are(engine, clock):
    crowd = [point(40.0 + number / 10_000, -8.0) for number in range(1700)]
    travel = RoadTravel(engine, patience_s=60.0, now_s=clock)

    figures = await travel.fetch([(place, SITE) for place in crowd] + [(SITE, place) for place in crowd])
    await travel.close()

    assert sorted((len(origins), len(ends)) for origins, ends in engine.asked) == [(1, 1700), (1700, 1)]
    assert all(figure == road(leg) for leg, figure in figures.items())


async def test_what_is_wanted_later_is_at_hand_soon_although_nobody_waits_for_it(travel, engine):
    legs = [(PLACES[1], PLACES[2]), (PLACES[3], PLACES[4])]

    travel.prepare(legs)
    assert engine.asked == []
    await asyncio.gather(*questions("travel later"))

    assert [travel.offered(leg) for leg in legs] == [road(leg) for leg in legs]
    travel.prepare(legs)
    await asyncio.gather(*questions("travel later"))
    assert len(engine.asked) == 2


async def test_what_somebody_waits_for_is_asked_before_what_is_wanted_later(engine, clock):
    travel = RoadTravel(engine, patience_s=60.0, now_s=clock)
    engine.gate.clear()
    waiting = asyncio.ensure_future(
        travel.fetch([(SITE, place) for place in PLACES] + [(place, SITE) for place in PLACES])
    )
    await engine.was_asked.wait()
    travel.prepare([(PLACES[1], PLACES[2]), (PLACES[3], PLACES[4])])

    engine.gate.set()
    await waiting
    await asyncio.gather(*questions("travel later"))

    assert [place_of(SITE) in {*origins, *ends} for origins, ends in engine.asked] == [True, True, False, False]
    await travel.close()


async def test_what_is_wanted_later_is_forgotten_while_the_engine_fails_until_somebody_misses_it_again(
    travel, engine, clock
):
    engine.problem = RoadsUnavailable("away")
    travel.prepare([(PLACES[1], PLACES[2]), (PLACES[3], PLACES[4])])
    await asyncio.gather(*questions("travel later"))
    assert len(engine.asked) == 1

    engine.problem = None
    clock.now_s += PAUSE_S
    travel.prepare([(PLACES[1], PLACES[2])])
    await asyncio.gather(*questions("travel later"))

    assert travel.offered((PLACES[1], PLACES[2])) == road((PLACES[1], PLACES[2]))


async def test_last_digits_that_depend_on_which_end_was_searched_from_are_no_second_more(travel, engine):
    engine.exactly_s = 600.0000001

    assert (await travel.fetch([LEG]))[LEG] == Figure(600, False)


def test_tables_answer_every_leg_exactly_once_and_hold_its_ends():
    chance = random.Random(1)
    legs = list(dict.fromkeys(tuple(chance.sample(PLACES, k=2)) for _ in range(400)))

    tables = list(tables_for(legs))

    assert sorted(leg for table in tables for leg in table.legs) == sorted(legs)
    for table in tables:
        assert {place_of(start) for start, _ in table.legs} == set(table.origins)
        assert {place_of(end) for _, end in table.legs} == set(table.destinations)


async def test_where_the_engine_knows_no_way_the_straight_line_stands_in_marked(travel, engine):
    engine.off_the_map.add(place_of(PLACES[0]))

    figures = await travel.fetch([LEG, (SITE, PLACES[1])])

    assert figures == {LEG: line(LEG), (SITE, PLACES[1]): road((SITE, PLACES[1]))}
    assert travel.outcomes == {"no_way": 1, "roads": 1}


async def test_an_engine_that_hangs_is_waited_for_once_and_not_by_everybody(travel, engine):
    engine.gate.clear()

    assert await travel.fetch([LEG]) == {LEG: line(LEG)}
    # Without waiting: the turn of the loop that answers is the one that asked.
    second = asyncio.ensure_future(travel.fetch([(SITE, PLACES[1])]))
    await asyncio.sleep(0)

    assert second.done()
    assert await second == {(SITE, PLACES[1]): line((SITE, PLACES[1]))}
    assert travel.outcomes == {"late": 2}


async def test_what_comes_late_serves_the_next_and_the_lesser_time_is_accepted_for_a_while(travel, engine, clock):
    engine.gate.clear()
    estimated = (await travel.fetch([LEG]))[LEG]
    engine.gate.set()
    await asyncio.wait(questions())

    assert travel.accepted(LEG).seconds == min(estimated.seconds, road(LEG).seconds)
    clock.now_s += 3600
    assert travel.accepted(LEG) == road(LEG)
    assert await travel.fetch([(SITE, PLACES[1])]) == {(SITE, PLACES[1]): road((SITE, PLACES[1]))}


async def test_while_the_engine_fails_straight_lines_serve_and_the_log_says_so_once(travel, engine, clock, caplog):
    caplog.set_level(logging.INFO, "enroute.travel")
    engine.problem = RoadsUnavailable("away")

    assert await travel.fetch([LEG]) == {LEG: line(LEG)}
    assert await travel.fetch([(SITE, PLACES[1])]) == {(SITE, PLACES[1]): line((SITE, PLACES[1]))}
    assert len(engine.asked) == 1  # it is left alone for some seconds

    engine.problem = None
    clock.now_s += max(PAUSE_S, STAND_IN_S)
    assert await travel.fetch([LEG]) == {LEG: road(LEG)}

    assert travel.outcomes == {"unavailable": 2, "roads": 1}
    assert [record.getMessage() for record in caplog.records] == [
        "travel between visits is estimated on straight lines for now: away",
        "travel between visits is reckoned on roads again",
    ]


async def test_an_engine_with_a_fault_of_ours_is_no_reason_to_answer_nothing(travel, engine, caplog):
    engine.problem = ZeroDivisionError("oh")

    assert await travel.fetch([LEG]) == {LEG: line(LEG)}
    assert "the road engine failed" in caplog.text


async def test_an_own_road_graph_that_learned_is_asked_again_and_what_it_said_before_is_accepted(tmp_path):
    build_roads(small_town().write(tmp_path / "town.osm.pbf"), tmp_path / "roads.graph")
    roads = EmbeddedRoads(tmp_path / "roads.graph")
    travel = RoadTravel(roads, patience_s=60.0)
    leg = (point(41.01, -7.995), point(41.01, -7.985))
    before = (await travel.fetch([leg]))[leg]
    seconds = roads.graph.edge_free_s

    await roads.replace_seconds(array("f", [each * 3 for each in seconds]).tobytes())

    assert travel.offered(leg) is None
    assert travel.accepted(leg) == before
    after = (await travel.fetch([leg]))[leg]
    assert after.seconds > 2 * before.seconds
    assert travel.accepted(leg).seconds == before.seconds
    [[driven_s]] = await roads.travel_s([place_of(leg[0])], [place_of(leg[1])])
    assert after == Figure(ceil(driven_s), False)
    await travel.close()
    await roads.close()


async def test_more_legs_than_there_is_room_for_are_estimated_at_once(travel, engine):
    engine.gate.clear()
    crowd = [(point(40.0 + number / 10_000, -8.0), SITE) for number in range(MOST_UNDER_WAY)]
    await travel.fetch(crowd)

    assert await travel.fetch([LEG]) == {LEG: line(LEG)}
    assert travel.outcomes == {"late": MOST_UNDER_WAY, "crowded": 1}


async def test_closing_leaves_no_question_behind(travel, engine):
    engine.gate.clear()
    await travel.fetch([LEG])

    await travel.close()

    assert questions() == []
