"""A node that follows trips on a road graph of its own, with the engine's worker beside it."""

import pytest

from tests.tracker.journeys import NOW_MS
from tests.tracker.nodes import close, snapshot, watch
from tests.tracker.roads.random_town import RandomTown
from tests.tracker.sockets import until
from tests.tracker.test_live import facts
from tracker import ways as module
from tracker.calibration import COLD, Calibration
from tracker.messages import Fix
from tracker.node import Node
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.graph_file import Source, write_graph
from tracker.route import Route
from tracker.traffic import HOURS_PER_WEEK


@pytest.fixture
async def roads(tmp_path):
    graph = RandomTown(seed=4).graph(tmp_path)
    write_graph(graph, tmp_path / "town.graph", source=Source("town", 1, "00"))
    engine = EmbeddedRoads(tmp_path / "town.graph")
    yield engine
    await engine.close()


def set_off(node: Node, to: tuple[float, float], *, version: int = 1) -> None:
    there = facts(version=version, destination_lat=to[0], destination_lon=to[1])
    node.open_trip(trip_id="visit", technician_id="ana", facts=there, now_ms=NOW_MS)


def report(node: Node, place: tuple[float, float], *, s: float) -> None:
    at_ms = NOW_MS + round(s * 1000)
    node.now_ms.now_ms = at_ms
    node.ingest("ana", [Fix(fixed_at=at_ms, lat=place[0], lon=place[1])], at_ms)


@pytest.fixture
async def node(nodes, memory, roads):
    return await nodes.start(memory, roads=roads)


def ends_of(roads: EmbeddedRoads) -> tuple[tuple[float, float], tuple[float, float]]:
    """Two places some way apart."""
    graph = roads.graph
    return graph.midpoint(0), max((graph.midpoint(edge) for edge in range(graph.edge_count)), key=lambda at: at[0])


def far_from(line: Route, roads: EmbeddedRoads) -> tuple[float, float]:
    """The place on the map furthest from a line."""

    def off(place: tuple[float, float]) -> float:
        return min((place[0] - lat) ** 2 + (place[1] - lon) ** 2 for lat, lon in line.points)

    return max((roads.graph.midpoint(edge) for edge in range(roads.graph.edge_count)), key=off)


async def test_the_first_fix_brings_the_line_and_an_arrival_by_the_map(node, roads):
    start, end = ends_of(roads)
    set_off(node, end)
    listener = watch(node)

    report(node, start, s=1)
    await until(lambda: listener.of_type("route"))
    report(node, start, s=2)

    assert snapshot(node).route == listener.of_type("route")[0]["polyline6"]
    assert not snapshot(node).eta.estimated
    assert listener.of_type("eta")[-1]["reason"] == "changed"


async def test_who_drives_another_way_has_an_arrival_at_once_and_soon_another_line(node, roads, monkeypatch):
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.0)
    start, end = ends_of(roads)
    set_off(node, end)
    listener = watch(node)
    report(node, start, s=1)
    await until(lambda: listener.of_type("route"))
    elsewhere = far_from(node._trips["visit"].motion.progress.route, roads)

    for s in range(3):
        report(node, elsewhere, s=100 + s)
    at_once = node._trips["visit"].motion.left_s
    await until(lambda: len(listener.of_type("route")) > 1)

    assert at_once is not None
    assert not node._trips["visit"].motion.estimate.estimated
    first, second = (told["polyline6"] for told in listener.of_type("route")[:2])
    assert first != second


async def test_a_map_that_comes_after_the_close_is_dropped(node, roads):
    start, end = ends_of(roads)
    set_off(node, end)
    listener = watch(node)
    report(node, start, s=1)

    close(node, "in_progress")
    await until(lambda: not [task for task in node._tasks if task.get_name() == "route"])

    assert not listener.of_type("route")
    assert snapshot(node).route is None


async def test_what_was_learned_counts_for_trips_that_set_off_afterwards(node, roads):
    start, end = ends_of(roads)
    took = {}
    slow = Calibration(hours=(0.7,) * HOURS_PER_WEEK)
    for number, calibration in enumerate((COLD, slow)):
        node.use_calibration(calibration)
        set_off(node, end, version=1 + 2 * number)
        listener = watch(node)
        report(node, start, s=10 * number)
        await until(lambda heard=listener: heard.of_type("route"))
        report(node, start, s=10 * number + 5)
        took[number] = node._trips["visit"].motion.left_s
        close(node, "undone", version=2 + 2 * number)

    assert took[1] > 1.3 * took[0]
