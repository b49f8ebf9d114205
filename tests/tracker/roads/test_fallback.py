import asyncio
import logging

import pytest

from tests.tracker.roads.stand_in import OsrmStandIn, answering, silence
from tests.tracker.sockets import until
from tracker.errors import RoadsUnavailable
from tracker.roads import NoRoads, RoadEngine
from tracker.roads.breaker import CLOSED, OPEN, Breaker
from tracker.roads.fallback import FallbackRoads
from tracker.roads.osrm_http import OsrmRoads
from tracker.roads.straight import straight_left_s
from tracker.route import Route

TRIP = {"lat": 41.5, "lon": -8.6, "to_lat": 41.51, "to_lon": -8.58}
SECOND_BEST = Route([(41.5, -8.6), (41.51, -8.58)], total_s=777.0)
TREE = object()


class Second:
    """The engine behind the server."""

    closed = False

    async def route(self, **ends) -> Route | None:
        return SECOND_BEST

    async def destination(self, **ends):
        return TREE

    async def travel_s(self, places, destinations=None):
        return [[777.0] * len(places) for _ in places]

    async def close(self) -> None:
        self.closed = True


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def osrm():
    server = OsrmStandIn()
    server.port = await server.start()
    yield server
    await server.close()


@pytest.fixture
async def make(osrm, clock):
    made = []

    def make(other=None, *, timeout_s=30.0, **options) -> FallbackRoads:
        server = OsrmRoads(f"http://127.0.0.1:{osrm.port}", timeout_s=timeout_s)
        options.setdefault("breaker", Breaker(in_a_row=3, first_pause_s=10.0))
        made.append(FallbackRoads(server, other or Second(), now_s=clock, chance=lambda: 0.0, **options))
        return made[-1]

    yield make
    for roads in made:
        await roads.close()


async def test_while_the_server_answers_its_ways_are_taken(make):
    roads = make()
    engine: RoadEngine = roads

    route = await engine.route(**TRIP)
    table = await engine.travel_s([(41.5, -8.6), (41.51, -8.6)])

    assert route.total_s < 777
    assert table[0][1] < 777
    assert await engine.destination(lat=41.5, lon=-8.6) is None
    assert roads.outcomes == {"answered": 2}


async def test_what_the_server_knows_no_way_for_is_not_asked_of_the_other(make):
    roads = make()

    assert await roads.route(lat=41.5, lon=-8.6, to_lat=50.0, to_lon=8.0) is None
    assert roads.outcomes == {"no_way": 1}


async def test_a_single_failure_is_bridged_by_the_other(make, osrm):
    roads = make()
    osrm.fault = answering(500, b"")

    assert await roads.route(**TRIP) is SECOND_BEST
    assert await roads.travel_s([(41.5, -8.6)]) == [[777.0]]
    assert roads.breaker.state is CLOSED
    assert roads.outcomes == {"broken": 2}


async def test_after_some_failures_the_server_is_left_alone_and_comes_back_by_itself(make, osrm, clock, caplog):
    caplog.set_level(logging.INFO, "enroute.roads")
    roads = make()
    osrm.fault = answering(503, b"")
    for _ in range(10):
        assert await roads.route(**TRIP) is SECOND_BEST
    assert len(osrm.asked) == 3
    assert await roads.destination(lat=41.5, lon=-8.6) is TREE

    clock.now_s += 5.0
    assert await roads.destination(lat=41.5, lon=-8.6) is None  # so that a route is asked for, which is the probe
    assert await roads.route(**TRIP) is SECOND_BEST
    assert len(osrm.asked) == 4
    assert await roads.route(**TRIP) is SECOND_BEST

    clock.now_s += 10.0
    osrm.fault = None
    assert (await roads.route(**TRIP)).total_s < 777

    assert len(osrm.asked) == 5
    assert roads.outcomes == {"broken": 4, "left_alone": 8, "answered": 1}
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "osrm at 127.0.0.1 is left alone for 5 s (HTTP 503); our own road graph serves meanwhile"),
        ("INFO", "osrm at 127.0.0.1 is left alone for 10 s (HTTP 503); our own road graph serves meanwhile"),
        ("WARNING", "osrm at 127.0.0.1 answers again"),
    ]


async def test_a_server_that_is_stopped_and_started_again_is_used_again(make, osrm, clock):
    roads = make()
    await osrm.close()
    for _ in range(3):
        assert await roads.route(**TRIP) is SECOND_BEST
    assert roads.breaker.state is OPEN
    assert roads.outcomes == {"unreachable": 3}

    await osrm.start(osrm.port)
    clock.now_s += 10.0

    assert (await roads.route(**TRIP)).total_s < 777


async def test_without_a_map_an_absent_server_is_an_error_and_never_the_word_that_no_way_exists(make, osrm, caplog):
    roads = make(NoRoads())
    osrm.fault = answering(500, b"")

    for _ in range(5):
        with pytest.raises(RoadsUnavailable):
            await roads.route(**TRIP)

    assert await roads.destination(lat=41.5, lon=-8.6) is None
    assert [record.getMessage() for record in caplog.records] == [
        "osrm at 127.0.0.1 is left alone for 5 s (HTTP 500); straight lines meanwhile"
    ]


async def test_without_a_map_a_table_is_never_passed_off_as_driven_when_the_server_is_away(make, osrm):
    roads = make(NoRoads())
    osrm.fault = answering(500, b"")

    with pytest.raises(RoadsUnavailable):
        await roads.travel_s([(41.5, -8.6), (41.51, -8.6)])


async def test_a_table_from_few_places_to_many_is_asked_as_such(make):
    roads = make()
    places = [(41.5, -8.6), (41.51, -8.6), (41.52, -8.6)]

    whole = await roads.travel_s(places)
    row = await roads.travel_s(places[:1], places)
    column = await roads.travel_s(places, places[2:])

    assert row == whole[:1]
    assert column == [[seconds[2]] for seconds in whole]


async def test_without_a_map_and_a_server_a_table_is_made_of_straight_lines():
    rows = await NoRoads().travel_s([(41.5, -8.6)], [(41.5, -8.6), (41.51, -8.6)])

    assert rows[0][0] == 0.0
    assert rows[0][1] == pytest.approx(straight_left_s(1112), rel=0.01)


async def test_no_more_than_so_many_questions_are_asked_at_once(make, osrm):
    roads = make(at_once=3)

    async def soon() -> None:
        await until(lambda: osrm.now_asking == 3)
        osrm.hold.set()

    osrm.hold = asyncio.Event()
    routes, _ = await asyncio.gather(asyncio.gather(*(roads.route(**TRIP) for _ in range(50))), soon())

    assert osrm.most_at_once == 3
    assert len(osrm.asked) == 50
    assert all(route.total_s < 777 for route in routes)


async def test_who_waits_too_long_for_a_turn_goes_to_the_other_and_blames_nobody(make, osrm):
    roads = make(at_once=1, wait_s=0.02)
    osrm.hold = asyncio.Event()
    first = asyncio.create_task(roads.route(**TRIP))
    await until(lambda: osrm.asked)

    second = await roads.route(**TRIP)
    osrm.hold.set()

    assert second is SECOND_BEST
    assert (await first).total_s < 777
    assert roads.outcomes == {"busy": 1, "answered": 1}


async def test_who_waited_while_others_failed_does_not_try_too(make, osrm):
    roads = make(at_once=1)
    osrm.fault = answering(500, b"")

    routes = await asyncio.gather(*(roads.route(**TRIP) for _ in range(20)))

    assert routes == [SECOND_BEST] * 20
    assert len(osrm.asked) == 3


async def test_one_who_gives_up_is_no_failure_of_the_server_and_frees_the_turn(make, osrm):
    roads = make(at_once=1, breaker=Breaker(in_a_row=1))
    osrm.fault = silence
    gives_up = asyncio.create_task(roads.route(**TRIP))
    await until(lambda: osrm.asked)

    gives_up.cancel()
    await asyncio.gather(gives_up, return_exceptions=True)
    osrm.fault = None

    assert (await roads.route(**TRIP)).total_s < 777
    assert roads.breaker.state is CLOSED


@pytest.mark.parametrize("fault", [None, answering(500, b""), answering(200, b"{"), silence])
async def test_the_log_says_nowhere_who_is_where(make, osrm, fault, caplog):
    caplog.set_level(logging.DEBUG)
    roads = make(breaker=Breaker(in_a_row=1), timeout_s=0.1)
    osrm.fault = fault

    await roads.route(**TRIP)

    assert "41.5" not in caplog.text


async def test_closing_closes_both(make):
    roads = make()

    await roads.close()

    assert roads.other.closed
