"""The composition root: settings in, application out. Everything is made here and handed on by hand."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from slots.booking import Scheduling
from slots.booking.traveling import StraightSource, TravelSource
from slots.errors import SlotsError
from slots.model import Rules
from slots.schema_store import assert_guard
from slots.store import open_database
from tracker.bus.shared import SharedBus
from tracker.errors import TrackerError
from tracker.exchange import Exchange
from tracker.hub import Hub
from tracker.node import Node
from tracker.ring import open_ring
from tracker.roads import NoRoads, RoadEngine
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.fallback import FallbackRoads
from tracker.roads.graph_file import RoadsFileError
from tracker.sockets import Sockets
from tracker.store import SqlTrackStore, tracks_url
from web import health, live_api, pages
from web.afresh import Afresh
from web.announcements import Announcements
from web.api import (
    appointment_changes,
    appointments,
    days,
    device_tokens,
    dispatch,
    dispatch_board,
    eta_accuracy,
    holds,
    invitations,
    links,
    messages,
    password,
    profile,
    services,
    session,
    set_up,
    slots,
    technician,
    visit_history,
    watchers,
)
from web.asyncapi import build_asyncapi
from web.auth import authenticate
from web.bridge import Bridge
from web.config import Settings
from web.event_webhook import Events, VisitEvent
from web.health import Metrics
from web.hearing import hear_announcements
from web.housekeeping import Housekeeping
from web.learning import Learning
from web.message_options import read_muted, read_quiet_hours
from web.neighbours import Neighbours
from web.openapi import answer
from web.openapi_document import build_document
from web.passwords import Passwords
from web.problems import Problem
from web.refusals import problem_of
from web.road_travel import RoadTravel
from web.scrapes import Scrapes
from web.senders import Outbox
from web.shell import Shell
from web.state import State, state_of, system_now_ms
from web.switches import Switches
from web.watch_log import WatchLog

log = logging.getLogger("enroute.app")

VERSION = "0.1.0"

# The largest ordinary request is a batch of fixes from a phone that was offline for a day.
MAX_BODY_BYTES = 1_048_576

API_MODULES = (
    session,
    invitations,
    password,
    profile,
    services,
    slots,
    holds,
    appointments,
    appointment_changes,
    technician,
    device_tokens,
    dispatch,
    dispatch_board,
    set_up,
    days,
    eta_accuracy,
    links,
    messages,
    visit_history,
    watchers,
)


def all_routes() -> list[BaseRoute]:
    """Every route of the server, websockets first, then the API."""
    api = [route for module in API_MODULES for route in module.routes]
    routes = [
        *api,
        *live_api.routes,
        *health.routes,
        Route("/openapi.json", openapi),
        Route("/asyncapi.json", asyncapi),
        *pages.routes,
    ]
    # Routes are tried in turn, and nobody is in such a hurry as ten thousand watchers who come back at once.
    return sorted(routes, key=lambda route: not isinstance(route, WebSocketRoute))


def create_app(settings: Settings, *, now_ms: Callable[[], int] = system_now_ms) -> Starlette:
    """The application. Its database must be migrated; `app.state.enroute` is the State while the lifespan runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running_state(settings, now_ms=now_ms, worker=getattr(app.state, "scrapes", None)) as state:
            app.state.enroute = state
            yield

    return Starlette(
        routes=all_routes(),
        lifespan=lifespan,
        middleware=[
            Middleware(Shell, settings=settings),
            # Inside the shell, which gives its refusals the form that all problems have.
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES),
        ],
        exception_handlers={
            Problem: _problem,
            SlotsError: _refusal,
            TrackerError: _tracker_error,
            HTTPException: _http_error,
        },
    )


@contextlib.asynccontextmanager
async def running_state(
    settings: Settings, *, now_ms: Callable[[], int] = system_now_ms, worker: Scrapes | None = None
) -> AsyncIterator[State]:
    """Everything one process runs on, started; stopped in the reverse order, so that nothing acknowledged is lost.
    ``worker``: which one of several this is."""
    async with contextlib.AsyncExitStack() as stack:
        database = open_database(settings.database, connections=settings.database_connections)
        stack.push_async_callback(database.close)
        await assert_guard(database)
        switches = Switches(settings)
        await switches.load(database)
        passwords = Passwords()
        stack.callback(passwords.close)
        track_store = SqlTrackStore(tracks_url(settings.database))
        stack.callback(track_store.close)
        ring = open_ring() if settings.io_uring == "auto" else None
        if ring is not None:
            stack.callback(ring.close)
        hub = Hub(now_ms=now_ms, ring=ring)
        roads = open_roads(settings.roads_path, server_url=settings.roads_url, timeout_s=settings.roads_timeout_s)
        stack.push_async_callback(roads.close)
        bus = SharedBus(open_exchange(settings.redis)) if settings.redis is not None else None
        node = Node(
            hub=hub,
            store=track_store,
            now_ms=now_ms,
            bus=bus,
            roads=roads,
            arrival_radius_m=settings.arrival_radius_m,
        )
        sockets = Sockets(turn=node)
        metrics = Metrics()
        metrics.watch(node)
        metrics.watch_roads(roads)
        travel: TravelSource = StraightSource()
        if not isinstance(roads, NoRoads):
            travel = RoadTravel(roads)
            stack.push_async_callback(travel.close)
            metrics.watch_travel(travel)
        watch_log = WatchLog(database=database, node=node)
        state = State(
            settings=settings,
            database=database,
            switches=switches,
            booking=Scheduling(database=database, rules=rules_of(settings), travel=travel),
            node=node,
            hub=hub,
            sockets=sockets,
            metrics=metrics,
            passwords=passwords,
            watch_log=watch_log,
            announcements=Announcements(bus),
            now_ms=now_ms,
        )
        if settings.redis is not None:
            # Imported late: who has one process needs no Redis.
            from web.redis_limits import RedisBuckets

            state.limits.shared = buckets = RedisBuckets(settings.redis)
            stack.push_async_callback(buckets.close)
        state.outbox = Outbox(state)
        state.events = Events(state)
        state.bridge = Bridge(state)
        switches.listeners.append(state.bridge.switches_changed)
        hear_announcements(state)
        await node.start()
        stack.push_async_callback(node.stop)
        if bus is not None:
            bus.attach(node)
            metrics.watch_bus(bus)
            if worker is not None and settings.gather == "auto":
                state.neighbours = Neighbours(worker.family, bus, number=worker.number, count=worker.count)
                stack.callback(state.neighbours.close)
                metrics.watch_neighbours(state.neighbours)
            await bus.start(sockets.guests)
            stack.push_async_callback(bus.stop)
        stack.callback(sockets.close)
        watch_log.start()
        stack.push_async_callback(watch_log.close)
        learning = Learning(state, roads)
        # Before the first trip: it is driven on these seconds.
        await learning.take_up()
        await state.bridge.restore()
        stack.push_async_callback(state.bridge.close)
        if bus is not None:
            afresh = Afresh(state, bus)
            afresh.start()
            stack.push_async_callback(afresh.close)
        housekeeping = Housekeeping(state)
        housekeeping.start()
        stack.push_async_callback(housekeeping.close)
        learning.start()
        stack.push_async_callback(learning.close)
        state.outbox.start()
        stack.push_async_callback(state.outbox.close)
        if state.events.is_configured:
            state.events.start()
            stack.push_async_callback(state.events.close)
        stack.callback(state.draining.set)
        yield state


def open_exchange(url: str) -> Exchange:
    """The exchange with the other processes, on Redis."""
    # Imported late: one process needs none of it.
    from tracker.redis_exchange import RedisExchange

    return RedisExchange(url)


def open_roads(path: Path, *, server_url: str | None = None, timeout_s: float = 3.0) -> RoadEngine:
    """The road server of the settings, and behind it (or alone) the graph that `enroute map build` made, if any."""
    own = _own_roads(path)
    if server_url is None:
        return own
    # Imported late: an HTTP client is a tenth of a second that most servers need not wait for.
    from tracker.roads.osrm_http import OsrmRoads
    from tracker.roads.valhalla_http import ValhallaRoads

    protocol, _, url = server_url.partition("+")
    engine = OsrmRoads if protocol == "osrm" else ValhallaRoads
    return FallbackRoads(engine(url, timeout_s=timeout_s), own)


def _own_roads(path: Path) -> RoadEngine:
    """The engine of a road graph; without one, or with one of another version, none."""
    if not path.exists():
        return NoRoads()
    try:
        return EmbeddedRoads(path)
    except RoadsFileError as error:
        log.warning("arrival times are estimated without a map: %s", error)
        return NoRoads()


def rules_of(settings: Settings) -> Rules:
    """The operator's settings in the words of `slots`."""
    quiet_from_min, quiet_to_min = read_quiet_hours(settings.quiet_hours)
    return Rules(
        min_lead_s=settings.min_lead_s,
        min_lead_days=settings.min_lead_days,
        max_lead_days=settings.max_lead_days,
        # Whoever asks for nothing in particular is shown the whole horizon.
        max_query_days=max(Rules().max_query_days, settings.horizon_days),
        hold_s=settings.hold_s,
        window_s=settings.window_s,
        window_before_s=settings.window_before_s,
        buffer_s=settings.buffer_s,
        slot_step_s=settings.slot_step_s,
        move_cutoff_s=settings.move_cutoff_s,
        cancel_cutoff_s=settings.cancel_cutoff_s,
        cancel_while_traveling=settings.cancel_while_traveling,
        reminder_s=settings.reminder_h * 3600,
        quiet_from_min=quiet_from_min,
        quiet_to_min=quiet_to_min,
        muted_notices=read_muted(settings.muted_messages),
        tells_events=settings.events_webhook_url is not None,
    )


async def openapi(request: Request) -> Response:
    """The OpenAPI 3.1 document, made from the types the server decodes with."""
    document = build_document(
        all_routes(),
        title=f"{state_of(request).settings.brand} API",
        version=VERSION,
        server_url=state_of(request).settings.base_url,
        webhooks={"visitEvent": VisitEvent},
    )
    return answer(document, headers={"Cache-Control": "public, max-age=300"})


async def asyncapi(request: Request) -> Response:
    """The AsyncAPI 3 document of the websockets, made from the types they speak."""
    settings = state_of(request).settings
    scheme, _, host = settings.base_url.partition("://")
    document = build_asyncapi(
        title=f"{settings.brand} live updates",
        version=VERSION,
        host=host,
        protocol="wss" if scheme == "https" else "ws",
    )
    return answer(document, headers={"Cache-Control": "public, max-age=300"})


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return await _for_programs_or_people(request, error)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, SlotsError)
    return await _for_programs_or_people(request, problem_of(error, state_of(request).settings))


async def _tracker_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TrackerError)
    return await _for_programs_or_people(request, Problem(error.code, str(error)))


_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 400: "malformed"}


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "internal" if error.status_code >= 500 else "malformed")
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    return await _for_programs_or_people(request, Problem(code, headers=headers))


async def _for_programs_or_people(request: Request, problem: Problem) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if not wants_page:
        return problem.response()
    response = pages.problem_page(request, problem, await authenticate(request))
    response.headers.update(problem.headers)
    return response
