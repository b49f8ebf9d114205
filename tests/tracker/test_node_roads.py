import asyncio

from tests.tracker.journeys import fix_at
from tests.tracker.nodes import RoutesOnly, close, report, set_off, snapshot, watch
from tests.tracker.sockets import until
from tests.tracker.test_route import line
from tracker import ways as module
from tracker.route import Route


async def test_an_engine_that_was_away_is_asked_again(nodes, memory, monkeypatch, caplog):
    monkeypatch.setattr(module, "ROUTE_EVERY_S", 0.0)

    class Recovering(RoutesOnly):
        asked = 0

        async def route(self, **ends) -> Route:
            self.asked += 1
            if self.asked == 1:
                raise ConnectionError("engine away")
            return line((0, 0), (3_000, 0), total_s=300)

    node = await nodes.start(memory, roads=Recovering())
    set_off(node)
    listener = watch(node)
    report(node, fix_at(s=0))
    await until(lambda: "engine away" in caplog.text)

    report(node, fix_at(s=1, east_m=10))
    await until(lambda: listener.of_type("route"))

    assert node.ways.roads.asked == 2


async def test_leaving_the_line_again_and_again_asks_the_engine_at_most_every_ten_seconds(nodes, memory):
    class Road(RoutesOnly):
        asked = 0

        async def route(self, **ends) -> Route:
            self.asked += 1
            return line((0, 0), (3_000, 0), total_s=300)

    node = await nodes.start(memory, roads=Road())
    set_off(node)
    for s in range(30):
        report(node, fix_at(s=s, north_m=200 + 10 * s))
        await asyncio.sleep(0)

    assert node.ways.roads.asked == 1


async def test_a_route_that_comes_after_the_close_is_dropped(nodes, memory):
    answer = asyncio.Event()

    class Slow(RoutesOnly):
        async def route(self, **ends) -> Route:
            await answer.wait()
            return line((0, 0), (3_000, 0), total_s=300)

    node = await nodes.start(memory, roads=Slow())
    set_off(node)
    listener = watch(node)
    report(node, fix_at(s=0))
    close(node, "in_progress")

    answer.set()
    await until(lambda: not [task for task in node._tasks if task.get_name() == "route"])

    assert not listener.of_type("route")
    assert snapshot(node).route is None
