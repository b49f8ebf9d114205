from tests.tracker.journeys import fix_at
from tests.tracker.nodes import report, set_off, snapshot, watch
from tests.tracker.roads.stand_in import OsrmStandIn, answering
from tests.tracker.sockets import until
from tracker import ways as module
from tracker.roads import NoRoads
from tracker.roads.breaker import CLOSED, OPEN, Breaker
from tracker.roads.fallback import FallbackRoads
from tracker.roads.osrm_http import OsrmRoads


async def test_a_trip_that_began_while_the_road_server_was_away_gets_its_way_when_it_is_back(
    nodes, memory, monkeypatch
):
    monkeypatch.setattr(module, "ROUTE_EVERY_S", 0.0)
    osrm = OsrmStandIn()
    port = await osrm.start()
    now_s = 0.0
    breaker = Breaker(in_a_row=2, first_pause_s=5.0)
    roads = FallbackRoads(
        OsrmRoads(f"http://127.0.0.1:{port}"), NoRoads(), breaker=breaker, now_s=lambda: now_s, chance=lambda: 0.0
    )
    node = await nodes.start(memory, roads=roads)
    set_off(node)
    listener = watch(node)
    osrm.fault = answering(503, b"")

    for s in range(5):
        report(node, fix_at(s=s, east_m=10 * s))
        await until(lambda: not [task for task in node._tasks if task.get_name() == "route"])
    assert breaker.state is OPEN
    assert snapshot(node).position.eta_at is not None  # on the straight line
    assert not listener.of_type("route")

    now_s = 10.0
    osrm.fault = None
    report(node, fix_at(s=6, east_m=60))
    await until(lambda: listener.of_type("route"))

    assert breaker.state is CLOSED
    assert roads.outcomes["answered"] == 1
    await roads.close()
    await osrm.close()
