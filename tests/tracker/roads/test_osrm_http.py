import pytest

from tests.tracker.roads.stand_in import SPEED_MPS, TURN_S, OsrmStandIn, answering
from tracker.errors import RoadsUnavailable
from tracker.geo import distance_m
from tracker.roads import RoadEngine
from tracker.roads.osrm_http import OsrmRoads

TRIP = {"lat": 41.5, "lon": -8.6, "to_lat": 41.51, "to_lon": -8.58}
METRES = distance_m(**TRIP)


@pytest.fixture
async def osrm():
    server = OsrmStandIn()
    server.port = await server.start()
    yield server
    await server.close()


@pytest.fixture
async def roads(osrm):
    engine = OsrmRoads(f"http://127.0.0.1:{osrm.port}", timeout_s=30.0)
    yield engine
    await engine.close()


async def test_a_route_has_the_seconds_of_each_point_with_the_turns_in_their_steps(roads):
    engine: RoadEngine = roads

    route = await engine.route(**TRIP)

    quarter_s = METRES / SPEED_MPS / 4
    turning_s = TURN_S / 3
    assert route.length_m == pytest.approx(METRES, rel=1e-3)
    assert route.seconds == pytest.approx([0, *(quarter_s * i + turning_s * (i - 1) for i in (1, 2, 3, 4))])
    assert route.points[0] == (41.5, -8.6)
    assert route.estimated is False


@pytest.mark.parametrize(
    "steps", [[], [{"duration": 1.0, "geometry": "s_rnmAv{olO"}], [{"duration": 1, "geometry": ""}]]
)
async def test_without_fitting_steps_the_turns_are_spread_over_all(roads, osrm, steps):
    osrm.edit = lambda answer: answer["routes"][0]["legs"][0].update(steps=steps)

    route = await roads.route(**TRIP)

    total_s = METRES / SPEED_MPS + TURN_S
    assert route.seconds == pytest.approx([0, total_s / 4, total_s / 2, total_s * 3 / 4, total_s])


async def test_it_knows_only_routes(roads):
    assert await roads.destination(lat=41.5, lon=-8.6) is None


@pytest.mark.parametrize("end", [(50.0, 8.0), (41.5, -9.5)], ids=["no road near", "an island"])
async def test_where_no_way_leads_there_is_none(roads, end):
    assert await roads.route(lat=41.5, lon=-8.6, to_lat=end[0], to_lon=end[1]) is None


async def test_a_way_from_a_place_to_itself_takes_no_metres(roads):
    route = await roads.route(lat=41.5, lon=-8.6, to_lat=41.5, to_lon=-8.6)

    assert (route.length_m, route.seconds[0]) == (0.0, 0.0)


async def test_a_path_in_the_url_stays_before_the_targets(osrm):
    engine = OsrmRoads(f"http://127.0.0.1:{osrm.port}/maps/osrm")
    osrm.answer = lambda target, body: (400, {"code": "NoRoute", "message": ""})

    await engine.route(**TRIP)
    await engine.close()

    assert osrm.asked[0].startswith("/maps/osrm/route/v1/driving/-8.600000,41.500000;-8.580000,41.510000?")


async def test_one_connection_serves_one_question_after_the_other(roads, osrm):
    for _ in range(5):
        await roads.route(**TRIP)

    assert osrm.connections == 1


async def test_a_table_is_asked_for_in_blocks_that_the_server_answers(roads, osrm):
    places = [(41.2 + i / 1000, -8.6) for i in range(120)]

    rows = await roads.travel_s(places)

    assert [len(row) for row in rows] == [120] * 120
    assert len(osrm.asked) == 9
    for i, j in [(0, 119), (119, 0), (49, 50), (60, 10)]:
        expected = distance_m(lat=places[i][0], lon=-8.6, to_lat=places[j][0], to_lon=-8.6) / SPEED_MPS
        assert rows[i][j] == pytest.approx(expected, abs=0.1)
    assert [rows[i][i] for i in range(120)] == [0.0] * 120


async def test_a_place_and_its_neighbours_are_asked_for_with_as_many_as_the_server_takes(roads, osrm):
    places = [(41.2 + i / 1000, -8.6) for i in range(199)]

    (onward,) = await roads.travel_s(places[:1], places[1:])
    back = await roads.travel_s(places[1:], places[:1])

    assert len(osrm.asked) == 4
    assert onward == pytest.approx([row[0] for row in back], abs=0.1)


async def test_in_a_table_a_place_without_road_or_way_has_none_and_the_others_keep_theirs(roads):
    rows = await roads.travel_s([(41.5, -8.6), (50.0, 8.0), (41.5, -9.5), (41.51, -8.6)])

    assert [[took_s is None for took_s in row] for row in rows] == [
        [False, True, True, False],
        [True, False, True, True],
        [True, True, False, True],
        [False, True, True, False],
    ]


async def test_no_places_make_an_empty_table(roads, osrm):
    assert await roads.travel_s([]) == []
    assert osrm.asked == []


def edited(**changes):
    def edit(answer):
        route = answer["routes"][0]
        leg = route["legs"][0]
        for name, value in changes.items():
            {"duration": leg["annotation"], "leg": leg, "geometry": route}[name][
                "duration" if name != "geometry" else name
            ] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        edited(duration=[1.0, -1.0, 1.0, 1.0]),
        edited(duration=[1.0, float("nan"), 1.0, 1.0]),
        edited(duration=[1.0, float("inf"), 1.0, 1.0]),
        edited(duration=[1.0, None, 1.0, 1.0]),
        edited(duration=[1.0, 1.0]),
        edited(duration=[1e300] * 4),
        edited(leg=-5),
        lambda answer: answer["routes"][0]["legs"][0]["steps"][0].update(duration=-1),
        lambda answer: answer["routes"][0]["legs"][0]["steps"][0].update(geometry="no polyline é"),
        edited(leg=float("nan")),
        edited(leg="soon"),
        edited(geometry="no polyline é"),
        edited(geometry=""),
        edited(geometry="s_rnmAv{olO????????"),
        lambda answer: answer.update(routes=[]),
        lambda answer: answer["routes"][0].update(legs=[]),
        lambda answer: answer["routes"][0].update(legs=answer["routes"][0]["legs"] * 2),
        lambda answer: answer["routes"][0]["legs"][0].pop("annotation"),
        lambda answer: answer.update(code=None),
    ],
)
async def test_an_answer_without_sense_is_refused(roads, osrm, edit):
    osrm.edit = edit

    with pytest.raises(RoadsUnavailable) as refusal:
        await roads.route(**TRIP)

    assert refusal.value.reason == "garbage"


async def test_segments_without_times_share_those_of_the_leg_by_metres(roads, osrm):
    def edit(answer):
        edited(duration=[0] * 4, leg=100)(answer)
        answer["routes"][0]["legs"][0]["steps"] = []

    osrm.edit = edit

    assert (await roads.route(**TRIP)).seconds == pytest.approx([0, 25, 50, 75, 100], rel=1e-3)


@pytest.mark.parametrize(
    "edit",
    [
        lambda answer: answer["durations"].pop(),
        lambda answer: answer["durations"][0].pop(),
        lambda answer: answer["durations"][0].__setitem__(0, -1),
        lambda answer: answer["sources"].pop(),
        lambda answer: answer.pop("destinations"),
    ],
)
async def test_a_table_without_sense_is_refused(roads, osrm, edit):
    osrm.edit = edit

    with pytest.raises(RoadsUnavailable) as refusal:
        await roads.travel_s([(41.5, -8.6), (41.51, -8.6)])

    assert refusal.value.reason == "garbage"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b'{"code":"InvalidUrl","message":"URL string malformed"}', "refused"),
        (400, b'{"code":"TooBig","message":"Too many table coordinates"}', "refused"),
        (400, b"<html>", "garbage"),
        (404, b"", "refused"),
        (429, b"slow down", "refused"),
        (302, b"", "refused"),
        (500, b"", "broken"),
        (503, b"<html>", "broken"),
        (200, b'{"code":"InvalidOptions"}', "refused"),
        (200, b"", "garbage"),
        (200, b"[]", "garbage"),
        (200, b"\xff\xfe", "garbage"),
        (200, b'{"code":"Ok","routes":[{"legs":[{"annotation":{"duration":[NaN', "garbage"),
    ],
)
async def test_every_other_answer_is_a_failure_with_its_reason(roads, osrm, status, body, reason):
    osrm.fault = answering(status, body)

    with pytest.raises(RoadsUnavailable) as failure:
        await roads.route(**TRIP)

    assert (failure.value.reason, failure.value.code) == (reason, "roads_unavailable")
