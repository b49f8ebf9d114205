"""Websockets of those who watch: one visit, one home page, the board.

Starlette routes, authenticates and accepts; then the hub has the connection and frames go straight to it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from tracker.board import BOARD_TOPIC
from tracker.connections import WatcherConnection
from tracker.errors import CloseCode
from tracker.facts import TripFacts
from tracker.frames import frame
from tracker.messages import HEARTBEAT_S, SUBPROTOCOL, End, FeedWelcome, Since, decode_hello, encode
from web.auth import Principal, authenticate, authenticate_token, header_of, link_cookie_name, origin_is_ours
from web.counted_watchers import CountedWatcher, VisitWatcher
from web.links import is_dead_link
from web.problems import Problem
from web.state import State, state_of
from web.trip_facts import ENDED
from web.upgrade import hand_over
from web.watching import facts_for, since_of, watcher_of

HELLO_WITHIN_S = 5.0
ENDED_STATES = frozenset(status.value for status in ENDED)
_BEARER = "bearer."

log = logging.getLogger("enroute.sockets")


async def watch_visit(websocket: WebSocket) -> None:
    """`/ws/appointments/{id}`: snapshot, then everything that changes, as long as the right to watch lasts.

    `?since=epoch-seq` names the newest message that was seen before: the welcome repeats the states missed since.
    """
    state = state_of(websocket)
    trip_id = websocket.path_params["appointment"]
    node = state.node
    # From here on every change of the visit reaches its stream, so that nothing falls between reading the facts
    # and subscribing.
    node.pin(trip_id)
    try:
        try:
            asked = await _ask(websocket, state, trip_id)
        except Problem:
            asked = _Asked(refusal=_LATER)
        if asked.facts is not None and not node.bus.alone:
            if await _goes_elsewhere(websocket, state, trip_id):
                return
            await node.bus.company(node.topic(trip_id))
            # The right, and the visit, are those of the moment in which the watch begins.
            with contextlib.suppress(Problem):
                asked = await _ask(websocket, state, trip_id)
        await websocket.accept(subprotocol=chosen_subprotocol(websocket))
        connection = VisitWatcher(state, asked.principal, trip_id=trip_id)
        if asked.facts is not None and asked.principal is not None:
            node.offer_facts(trip_id, asked.facts)
            begin = functools.partial(hand_over, websocket, connection, state.sockets)
            _admit(state, connection, asked.principal, _since(websocket), begin)
            return
        hand_over(websocket, connection, state.sockets)
        if asked.refusal is not None:
            connection.close(*asked.refusal)
        else:
            connection.expect_hello(
                lambda payload: _spawn(state, connection, _hello(state, connection, payload)),
                within_s=HELLO_WITHIN_S,
            )
    finally:
        node.unpin(trip_id)


class _Asked(msgspec.Struct):
    """Who asks, what they may be told, and why they may not; nothing at all of who has not said yet who they are."""

    principal: Principal | None = None
    facts: TripFacts | None = None
    refusal: tuple[CloseCode, str] | None = None


_LATER = (CloseCode.TRY_LATER, "please come again")
_NOT_THERE = (CloseCode.NOT_FOUND, "no such visit")
_LINK_OVER = (CloseCode.OVER, "the link is over")
_SIGN_IN = (CloseCode.SIGN_IN_AGAIN, "sign in again")


async def _ask(websocket: WebSocket, state: State, trip_id: str) -> _Asked:
    token = bearer_of(websocket)
    if token is not None:
        return await _ask_by_token(state, token, trip_id)
    if not websocket.cookies or not origin_is_ours(websocket):
        return _Asked()
    principal, facts = await watcher_of(websocket, state, trip_id)
    if principal is not None:
        return _Asked(principal, facts, None if facts is not None else _NOT_THERE)
    link_token = websocket.cookies.get(link_cookie_name(trip_id))
    if link_token and await is_dead_link(state, link_token, appointment_id=trip_id):
        return _Asked(refusal=_LINK_OVER)
    return _Asked()


async def _ask_by_token(state: State, token: str, trip_id: str) -> _Asked:
    principal = await authenticate_token(state, token)
    if principal is not None:
        facts = await facts_for(state, principal, trip_id)
        return _Asked(principal, facts, None if facts is not None else _NOT_THERE)
    if token and await is_dead_link(state, token, appointment_id=trip_id):
        return _Asked(refusal=_LINK_OVER)
    return _Asked(refusal=_SIGN_IN)


async def _goes_elsewhere(websocket: WebSocket, state: State, trip_id: str) -> bool:
    """Where the technician's phone is, or will be, watching costs least."""
    if state.neighbours is None:
        return False
    try:
        visit = await state.lookups.visit(trip_id)
    except Problem:
        return False
    return visit is not None and state.neighbours.pass_on(websocket, visit.technician.id)


async def _hello(state: State, connection: VisitWatcher, payload: bytes) -> None:
    """A watcher without cookie or bearer says who it is."""
    try:
        hello = decode_hello(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        connection.close(CloseCode.MALFORMED, 'the first message must be {"type":"hello","token":"..."}')
        return
    trip_id = connection.trip_id
    state.node.pin(trip_id)
    try:
        asked = await _ask_by_token(state, hello.token or "", trip_id)
        if asked.facts is None or asked.principal is None:
            connection.close(*(asked.refusal or _SIGN_IN))
            return
        if not state.node.bus.alone:
            await state.node.bus.company(state.node.topic(trip_id))
            asked = await _ask_by_token(state, hello.token or "", trip_id)
            if asked.facts is None or asked.principal is None:
                connection.close(*(asked.refusal or _SIGN_IN))
                return
        state.node.offer_facts(trip_id, asked.facts)
        connection.principal = asked.principal
        connection.until_ms = asked.principal.expires_at_ms
        if connection.alive:
            _admit(state, connection, asked.principal, hello.since, connection.send_frame)
    finally:
        state.node.unpin(trip_id)


def _admit(
    state: State,
    connection: VisitWatcher,
    principal: Principal,
    since: Since | None,
    begin: Callable[[bytes], None],
) -> None:
    """Snapshot and subscription in one breath: the stream goes on exactly where the snapshot ends. `begin` sends the
    first frames."""
    node, trip_id, now_ms = state.node, connection.trip_id, state.now_ms()
    if not connection.admit(principal):
        begin(b"")
        connection.close(CloseCode.TOO_MANY, "too many open watches")
        return
    welcome = frame(node.welcome(trip_id, now_ms, since))
    live = node.live(trip_id)
    status = live.facts.status if live.facts is not None else None
    if status in ENDED_STATES:
        # Who goes by the numbers takes nothing that bears the welcome's.
        begin(welcome + frame(encode(End(seq=live.seq + 1, reason=str(status)))))
        connection.close(CloseCode.OVER, str(status))
        return
    begin(welcome)
    if connection.alive:
        state.hub.subscribe(live.topic, connection)
        state.watch_log.watch_begins(trip_id=trip_id, principal=principal, now_ms=now_ms)


async def watch_home(websocket: WebSocket) -> None:
    """`/ws/home`: the states of one contact's visits (or one technician's); never a coordinate."""
    state = state_of(websocket)
    principal, refusal = await _signed_in(websocket, state)
    topic = _home_topic(principal)
    if topic is None and refusal is None:
        refusal = _SIGN_IN
    await _follow(websocket, state, principal, topic, refusal)


async def watch_board(websocket: WebSocket) -> None:
    """`/ws/dispatch`: every technician and every change, for dispatchers."""
    state = state_of(websocket)
    principal, refusal = await _signed_in(websocket, state)
    if principal is not None and not principal.is_staff:
        refusal = (CloseCode.NOT_FOUND, "for dispatchers")
    if refusal is None:
        await state.node.bus.company(BOARD_TOPIC)
    connection = await _follow(websocket, state, principal, BOARD_TOPIC, refusal)
    if connection.alive and principal is not None:
        connection.send(encode(state.node.board(state.now_ms())))
        state.watch_log.board_begins(principal, now_ms=state.now_ms())


async def _signed_in(websocket: WebSocket, state: State) -> tuple[Principal | None, tuple[CloseCode, str] | None]:
    """Who asks, or why they are sent away."""
    principal = None
    try:
        token = bearer_of(websocket)
        if token is not None:
            principal = await authenticate_token(state, token)
        elif origin_is_ours(websocket):
            principal = await authenticate(websocket)
    except Problem:
        return None, _LATER
    return principal, None if principal is not None else _SIGN_IN


async def _follow(
    websocket: WebSocket,
    state: State,
    principal: Principal | None,
    topic: str | None,
    refusal: tuple[CloseCode, str] | None,
) -> CountedWatcher:
    """A watch of a topic that has no numbered stream; closed at once where it is refused."""
    await websocket.accept(subprotocol=chosen_subprotocol(websocket))
    connection = CountedWatcher(state, principal)
    if refusal is None and principal is not None and topic is not None:
        if connection.admit(principal):
            welcome = FeedWelcome(heartbeat_s=HEARTBEAT_S, server_time=state.now_ms())
            hand_over(websocket, connection, state.sockets, frame(encode(welcome)))
            if connection.alive:
                state.hub.subscribe(topic, connection, patient=True)
            return connection
        refusal = (CloseCode.TOO_MANY, "too many open watches")
    hand_over(websocket, connection, state.sockets)
    connection.close(*(refusal or _SIGN_IN))
    return connection


def _home_topic(principal: Principal | None) -> str | None:
    if principal is None:
        return None
    if principal.role == "customer":
        return f"account:{principal.account_id}"
    if principal.technician_id is not None:
        return f"technician:{principal.technician_id}"
    # Staff have no visits of their own; the board is theirs at /ws/dispatch.
    return "staff" if principal.is_staff else None


def bearer_of(websocket: WebSocket) -> str | None:
    """The token of an `Authorization` header or of a `bearer.<base64url>` subprotocol, "" when unreadable."""
    authorization = header_of(websocket, b"authorization")
    if authorization is not None:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return given.strip()
    for offered in websocket.scope.get("subprotocols", ()):
        if offered.startswith(_BEARER):
            encoded = offered.removeprefix(_BEARER)
            with contextlib.suppress(binascii.Error, UnicodeDecodeError, ValueError):
                return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
            return ""
    return None


def _since(websocket: WebSocket) -> Since | None:
    return since_of(websocket.query_params.get("since")) if websocket.scope["query_string"] else None


def chosen_subprotocol(websocket: WebSocket) -> str | None:
    """Ours when it was offered. A bearer is never echoed: it would end up in a log."""
    return SUBPROTOCOL if SUBPROTOCOL in websocket.scope.get("subprotocols", ()) else None


def _spawn(state: State, connection: WatcherConnection, hello: Coroutine[Any, Any, None]) -> None:
    def done(task: asyncio.Task[None]) -> None:
        state.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, Problem):
                log.error("a hello could not be answered", exc_info=error)
            connection.close(*_LATER)

    task = asyncio.get_running_loop().create_task(hello)
    state.tasks.add(task)
    task.add_done_callback(done)


routes: list[BaseRoute] = [
    WebSocketRoute("/ws/appointments/{appointment}", watch_visit),
    WebSocketRoute("/ws/home", watch_home),
    WebSocketRoute("/ws/dispatch", watch_board),
]
