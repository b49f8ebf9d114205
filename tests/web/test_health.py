import pytest

from tests.web.api.house import House
from tracker.errors import RoadsUnavailable
from tracker.roads import NoRoads
from tracker.roads.fallback import FallbackRoads
from tracker.roads.osrm_http import OsrmRoads
from web.health import Metrics


async def test_a_running_server_is_alive_and_ready(house: House):
    answers = [await house.nobody.get(path) for path in ("/healthz", "/readyz")]

    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_server_that_stops_is_alive_but_not_ready(house: House):
    house.state.draining.set()

    answers = [await house.nobody.get(path) for path in ("/healthz", "/readyz")]

    assert [answer.status_code for answer in answers] == [200, 503]


async def test_without_its_database_a_server_is_not_ready(house: House):
    class Away:
        def read(self):
            raise OSError("no disk")

    database, house.state.database = house.state.database, Away()
    answer = await house.nobody.get("/readyz")
    house.state.database = database

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")


async def test_requests_are_counted_by_route_and_never_by_id(house: House):
    await house.dora.get("/api/appointments/one")
    await house.dora.get("/api/appointments/two")

    text = (await house.nobody.get("/metrics")).text

    assert 'route="/api/appointments/{appointment}",status="404"} 2.0' in text
    assert "/one" not in text


async def test_the_trackers_numbers_are_among_the_metrics(house: House):
    text = (await house.nobody.get("/metrics")).text

    for name in ("enroute_fixes_accepted_total", "enroute_watchers", "enroute_updates_delivered_total"):
        assert f"\n{name} 0.0\n" in text


async def test_the_metrics_tell_how_the_core_runs(house: House):
    text = (await house.nobody.get("/metrics")).text

    assert '\nenroute_core_info{core="interpreted"} 1.0\n' in text


async def test_questions_for_a_road_server_are_counted_by_engine_and_outcome():
    roads = FallbackRoads(OsrmRoads("http://127.0.0.1:1"), NoRoads())
    metrics = Metrics()
    metrics.watch_roads(roads)

    with pytest.raises(RoadsUnavailable):
        await roads.travel_s([(41.5, -8.6)])
    text = metrics.text().decode()
    await roads.close()

    assert 'enroute_road_questions_total{engine="osrm",outcome="unreachable"} 1.0' in text
    assert 'enroute_road_server_trusted{engine="osrm"} 1.0' in text
