import pytest

from tests.tracker.roads.stand_in import SPEED_MPS, ValhallaStandIn, answering
from tracker.errors import RoadsUnavailable
from tracker.geo import distance_m
from tracker.roads import RoadEngine
from tracker.roads.valhalla_http import ValhallaRoads

TRIP = {"lat": 41.5, "lon": -8.6, "to_lat": 41.51, "to_lon": -8.58}
TOTAL_S = distance_m(**TRIP) / SPEED_MPS


@pytest.fixture
async def valhalla():
    server = ValhallaStandIn()
    server.port = await server.start()
    yield server
    await server.close()


@pytest.fixture
async def roads(valhalla):
    engine = ValhallaRoads(f"http://127.0.0.1:{valhalla.port}", timeout_s=30.0)
    yield engine
    await engine.close()


async def test_a_route_has_the_times_of_its_maneuvers_spread_over_their_metres(roads):
    engine: RoadEngine = roads

    route = await engine.route(**TRIP)

    # The first of four segments is a maneuver that takes a third of the time.
    shares = [0, 1 / 3, 1 / 3 + 2 / 9, 1 / 3 + 4 / 9, 1]
    assert route.seconds == pytest.approx([TOTAL_S * share for share in shares], rel=1e-3)
    assert route.points[0] == (41.5, -8.6)


async def test_it_knows_only_routes(roads):
    assert await roads.destination(lat=41.5, lon=-8.6) is None


@pytest.mark.parametrize("end", [(50.0, 8.0), (41.5, -9.5)], ids=["no road near", "an island"])
async def test_where_no_way_leads_there_is_none(roads, end):
    assert await roads.route(lat=41.5, lon=-8.6, to_lat=end[0], to_lon=end[1]) is None


@pytest.mark.parametrize("old", [False, True])
async def test_a_matrix_is_asked_for_in_blocks_that_the_server_answers(roads, valhalla, old):
    valhalla.old = old
    places = [(41.2 + i / 1000, -8.6) for i in range(120)]

    rows = await roads.travel_s(places)

    assert [len(row) for row in rows] == [120] * 120
    assert valhalla.asked == ["/locate"] * 3 + ["/sources_to_targets"] * 9
    for i, j in [(0, 119), (119, 0), (49, 50), (60, 10)]:
        expected = distance_m(lat=places[i][0], lon=-8.6, to_lat=places[j][0], to_lon=-8.6) / SPEED_MPS
        assert rows[i][j] == pytest.approx(expected, abs=1)


async def test_places_without_road_or_way_take_nothing_from_the_others(roads):
    mainland = [(41.5, -8.6), (41.51, -8.6), (41.52, -8.6)]
    island = [(41.5, -9.5), (41.51, -9.5)]
    places = [mainland[0], island[0], (50.0, 8.0), mainland[1], island[1], mainland[2]]

    rows = await roads.travel_s(places)

    group = "MI-MIM"
    for i, row in enumerate(rows):
        for j, took_s in enumerate(row):
            assert (took_s is not None) is (i == j or (group[i] == group[j] != "-"))


async def test_with_no_road_anywhere_no_matrix_is_asked_for(roads, valhalla):
    assert await roads.travel_s([(50.0, 8.0), (51.0, 8.0)]) == [[0.0, None], [None, 0.0]]
    assert valhalla.asked == ["/locate"]


def maneuver(number, **changes):
    return lambda answer: answer["trip"]["legs"][0]["maneuvers"][number].update(changes)


@pytest.mark.parametrize(
    "edit",
    [
        maneuver(0, time=-1),
        maneuver(0, time=float("nan")),
        maneuver(0, time=1e300),
        maneuver(0, time=None),
        maneuver(0, end_shape_index=5),
        maneuver(0, end_shape_index=-1),
        maneuver(1, begin_shape_index=0),
        maneuver(1, begin_shape_index=2),
        maneuver(1, end_shape_index=3),
        lambda answer: answer["trip"]["legs"][0].update(shape="no polyline é"),
        lambda answer: answer["trip"]["legs"][0].update(shape="s_rnmAv{olO????????"),
        lambda answer: answer["trip"]["legs"][0].update(maneuvers=[]),
        lambda answer: answer["trip"].update(legs=[]),
        lambda answer: answer.pop("trip"),
    ],
)
async def test_an_answer_without_sense_is_refused(roads, valhalla, edit):
    valhalla.edit = edit

    with pytest.raises(RoadsUnavailable) as refusal:
        await roads.route(**TRIP)

    assert refusal.value.reason == "garbage"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b'{"error_code":124,"error":"No edge/node costing provided"}', "refused"),
        (400, b"{}", "garbage"),
        (404, b"", "refused"),
        (500, b'{"error_code":599,"error":"Unknown"}', "broken"),
        (504, b"", "broken"),
        (200, b"{", "garbage"),
        (200, b"null", "garbage"),
    ],
)
async def test_every_other_answer_is_a_failure_with_its_reason(roads, valhalla, status, body, reason):
    valhalla.fault = answering(status, body)

    for question in (roads.route(**TRIP), roads.travel_s([(41.5, -8.6), (41.51, -8.6)])):
        with pytest.raises(RoadsUnavailable) as failure:
            await question
        assert failure.value.reason == reason


@pytest.mark.parametrize("code", [154, 170, 171, 441, 442])
async def test_the_codes_for_no_way_are_none(roads, valhalla, code):
    valhalla.fault = answering(400, b'{"error_code":%d,"error":"No","status_code":400}' % code)

    assert await roads.route(**TRIP) is None


async def test_a_matrix_of_another_size_is_refused(roads, valhalla):
    valhalla.edit = lambda answer: answer["sources_to_targets"]["durations"].pop()

    with pytest.raises(RoadsUnavailable, match="another size than 2 by 2"):
        await roads.travel_s([(41.5, -8.6), (41.51, -8.6)])
