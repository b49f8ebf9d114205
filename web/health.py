"""/healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from tracker.roads.breaker import CLOSED
from tracker.roads.fallback import FallbackRoads
from web import accounts_store
from web.compiled import core
from web.problems import Problem
from web.state import State, state_of

if TYPE_CHECKING:
    from tracker.bus.shared import SharedBus
    from tracker.node import Node
    from tracker.roads import RoadEngine
    from web.neighbours import Neighbours
    from web.road_travel import RoadTravel
    from web.scrapes import Scrapes

log = logging.getLogger("enroute.health")

# When a counter was made helps nobody and doubles the series.
disable_created_metrics()  # type: ignore[no-untyped-call]

# A database that does not answer within this is not one to send people to.
READY_WITHIN_S = 2.0


class Metrics:
    """Counters of one process, in a registry of their own: two applications in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        runs = Info("enroute_core", "How the core of the tracker runs: compiled or interpreted", registry=self.registry)
        runs.info({"core": core()})
        self._requests = Counter(
            "enroute_http_requests", "HTTP answers", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "enroute_http_request_seconds",
            "Time until an answer begins",
            ["route"],
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.messages = Counter(
            "enroute_messages", "Messages of the outbox", ["kind", "outcome"], registry=self.registry
        )

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer under its route's pattern, never under the path: ids would make a series each."""
        route = scope.get("route")
        pattern = getattr(route, "path", None) or "other"
        # Anybody can invent a method; only the usual ones get a series.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, pattern, str(status)).inc()
        self._seconds.labels(pattern).observe(seconds)

    def watch(self, node: Node) -> None:
        """Read the tracker's own numbers whenever somebody looks."""
        self.registry.register(_NodeCollector(node))

    def watch_roads(self, roads: RoadEngine) -> None:
        """The same for a road server; other engines have nothing to count."""
        if isinstance(roads, FallbackRoads):
            self.registry.register(_RoadServerCollector(roads))

    def watch_travel(self, travel: RoadTravel) -> None:
        """Where the travel times of offers come from."""
        self.registry.register(_TravelCollector(travel))

    def watch_bus(self, bus: SharedBus) -> None:
        """What the processes of an installation have of each other."""
        self.registry.register(_BusCollector(bus))

    def watch_neighbours(self, neighbours: Neighbours) -> None:
        """What the workers of a machine passed on to each other."""
        self.registry.register(_NeighboursCollector(neighbours))

    def text(self) -> bytes:
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _NodeCollector(Collector):
    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        node = self._node
        yield CounterMetricFamily("enroute_fixes_accepted", "Fixes that passed the filters", node.fixes_accepted)
        rejected = CounterMetricFamily("enroute_fixes_rejected", "Fixes that were refused", labels=["reason"])
        for reason, count in node.rejections.items():
            rejected.add_metric([str(reason)], count)
        yield rejected
        yield CounterMetricFamily("enroute_updates_delivered", "Live updates handed to sockets", node.hub.delivered)
        yield CounterMetricFamily("enroute_watchers_cut", "Watchers cut for being too slow", node.hub.cut_slow)
        yield GaugeMetricFamily("enroute_watchers", "Open watches", node.hub.count())


class _RoadServerCollector(Collector):
    def __init__(self, roads: FallbackRoads) -> None:
        self._roads = roads

    def collect(self) -> Iterable[Metric]:
        roads = self._roads
        engine = roads.server.name
        questions = CounterMetricFamily(
            "enroute_road_questions", "Questions for the road server", labels=["engine", "outcome"]
        )
        for outcome, count in roads.outcomes.items():
            questions.add_metric([engine, outcome], count)
        yield questions
        trusted = GaugeMetricFamily(
            "enroute_road_server_trusted", "1 while the road server is asked", labels=["engine"]
        )
        trusted.add_metric([engine], 1.0 if roads.breaker.state is CLOSED else 0.0)
        yield trusted


class _TravelCollector(Collector):
    def __init__(self, travel: RoadTravel) -> None:
        self._travel = travel

    def collect(self) -> Iterable[Metric]:
        legs = CounterMetricFamily(
            "enroute_travel_legs",
            "Legs between visits by where their time came from: roads, or a straight line and why",
            labels=["outcome"],
        )
        for outcome, count in self._travel.outcomes.items():
            legs.add_metric([outcome], count)
        yield legs


class _BusCollector(Collector):
    def __init__(self, bus: SharedBus) -> None:
        self._bus = bus

    def collect(self) -> Iterable[Metric]:
        bus = self._bus
        owned = len(bus.ownership.owned)
        yield GaugeMetricFamily("enroute_redis_connected", "1 while the other processes can be reached", bus.connected)
        yield GaugeMetricFamily("enroute_processes", "Living processes as this one sees them", bus.processes)
        yield GaugeMetricFamily("enroute_technicians_owned", "Technicians whose fixes this process takes", owned)
        odd = CounterMetricFamily(
            "enroute_bus_oddities",
            "Words of other processes that were lost (missed), late (untimely), of a former owner (fenced) ...",
            labels=["kind"],
        )
        for kind, count in bus.counts.items():
            odd.add_metric([kind], count)
        yield odd


class _NeighboursCollector(Collector):
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    def collect(self) -> Iterable[Metric]:
        passed = CounterMetricFamily(
            "enroute_connections_passed",
            "Websockets that one worker gave to another, where the technician's phone is: given (on), taken (in)",
            labels=["direction"],
        )
        passed.add_metric(["on"], self._neighbours.passed_on)
        passed.add_metric(["in"], self._neighbours.taken_in)
        yield passed


def _who(request: Request) -> dict[str, str]:
    """Of several workers, which one this is."""
    worker = getattr(request.app.state, "worker", None)
    return {"Cache-Control": "no-store"} | ({} if worker is None else {"Enroute-Worker": str(worker)})


async def healthz(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n", headers=_who(request))


async def readyz(request: Request) -> Response:
    """People may be sent here: the database answers and nobody is stopping the server."""
    state = state_of(request)
    if state.draining.is_set():
        raise Problem("not_ready", "The server is stopping.", headers=_who(request))
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await _ask(state)
    except Exception as error:  # whatever a driver raises, the answer is the same
        log.warning("not ready: %s", type(error).__name__)
        raise Problem("not_ready", "The database does not answer.", headers=_who(request)) from None
    return PlainTextResponse("ready\n", headers=_who(request))


async def _ask(state: State) -> None:
    async with state.database.read() as conn:
        await accounts_store.ping(conn)


async def metrics(request: Request) -> Response:
    """Prometheus text format: of all workers of this machine, whichever was asked."""
    scrapes: Scrapes | None = getattr(request.app.state, "scrapes", None)
    text = state_of(request).metrics.text() if scrapes is None else await scrapes.text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


routes: list[BaseRoute] = [
    Route("/healthz", healthz),
    Route("/readyz", readyz),
    Route("/metrics", metrics),
]
