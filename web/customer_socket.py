"""Websockets of those who watch: one visit, one home page, the board.

Starlette routes, authenticates and accepts; then the hub has the connection and frames go straight to it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from tracker.connections import WatcherConnection
from tracker.errors import CloseCode
from tracker.messages import HEARTBEAT_S, SUBPROTOCOL, End, Since, decode_hello, encode
from web.auth import Principal, authenticate, authenticate_token, link_cookie_name, origin_is_ours
from web.links import is_dead_link
from web.state import State, state_of
from web.trip_facts import ENDED
from web.upgrade import hand_over
from web.watching import facts_for, watcher_of

HELLO_WITHIN_S = 5.0
ENDED_STATES = frozenset(status.value for status in ENDED)
_BEARER = "bearer."

log = logging.getLogger("enroute.sockets")


async def watch_visit(websocket: WebSocket) -> None:
    """`/ws/appointments/{id}`: snapshot, then everything that changes, as long as the right to watch lasts."""
    state = state_of(websocket)
    trip_id = websocket.path_params["appointment"]
    principal: Principal | None
    token = bearer_of(websocket)
    by_cookie = token is None and bool(websocket.cookies) and origin_is_ours(websocket)
    node = state.node
    # From here on every change of the visit reaches its stream, so that nothing falls between reading the facts
    # and subscribing.
    node.pin(trip_id)
    try:
        facts = None
        if token is not None:
            principal = await authenticate_token(state, token)
            facts = await facts_for(state, principal, trip_id) if principal is not None else None
        elif by_cookie:
            principal, facts = await watcher_of(websocket, state, trip_id)
        else:
            principal = None
        is_over = False
        if principal is None:
            link_token = websocket.cookies.get(link_cookie_name(trip_id)) if by_cookie else token
            is_over = bool(link_token) and await is_dead_link(state, link_token or "", appointment_id=trip_id)
        await websocket.accept(subprotocol=chosen_subprotocol(websocket))
        connection = _connection(state, principal)
        hand_over(websocket, connection, state.sockets)
        if facts is not None and principal is not None:
            node.offer_facts(trip_id, facts)
            _admit(state, connection, trip_id, principal, None)
        elif principal is not None:
            connection.close(CloseCode.NOT_FOUND, "no such visit")
        elif is_over:
            connection.close(CloseCode.OVER, "the link is over")
        elif token is not None:
            connection.close(CloseCode.SIGN_IN_AGAIN, "sign in again")
        else:
            connection.expect_hello(
                lambda payload: _spawn(state, connection, _hello(state, connection, trip_id, payload)),
                within_s=HELLO_WITHIN_S,
            )
    finally:
        node.unpin(trip_id)


def _connection(state: State, principal: Principal | None) -> WatcherConnection:
    return WatcherConnection(
        hub=state.hub,
        principal=principal,
        until_ms=principal.expires_at_ms if principal is not None else state.now_ms() + 60_000,
    )


async def _hello(state: State, connection: WatcherConnection, trip_id: str, payload: bytes) -> None:
    """A watcher without cookie or bearer says who it is."""
    try:
        hello = decode_hello(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        connection.close(CloseCode.MALFORMED, 'the first message must be {"type":"hello","token":"..."}')
        return
    principal = await authenticate_token(state, hello.token) if hello.token else None
    if principal is None:
        if hello.token and await is_dead_link(state, hello.token, appointment_id=trip_id):
            connection.close(CloseCode.OVER, "the link is over")
        else:
            connection.close(CloseCode.SIGN_IN_AGAIN, "sign in again")
        return
    state.node.pin(trip_id)
    try:
        facts = await facts_for(state, principal, trip_id)
        if facts is None:
            connection.close(CloseCode.NOT_FOUND, "no such visit")
            return
        state.node.offer_facts(trip_id, facts)
        connection.principal = principal
        connection.until_ms = principal.expires_at_ms
        _admit(state, connection, trip_id, principal, hello.since)
    finally:
        state.node.unpin(trip_id)


def _admit(
    state: State, connection: WatcherConnection, trip_id: str, principal: Principal, since: Since | None
) -> None:
    """Subscribe, then snapshot, in one breath: the stream goes on exactly where the snapshot ends."""
    if not connection.alive:
        return
    node = state.node
    now_ms = state.now_ms()
    if not state.watches.begin(principal):
        connection.close(CloseCode.TOO_MANY, "too many open watches")
        return
    connection.on_ended = lambda: _ended(state, trip_id, principal)
    snapshot = node.snapshot(trip_id, now_ms)
    if snapshot.status in ENDED_STATES:
        connection.send(node.welcome(trip_id, now_ms, since))
        connection.send(encode(End(seq=snapshot.seq, reason=snapshot.status)))
        connection.close(CloseCode.OVER, snapshot.status)
        return
    state.hub.subscribe(node.topic(trip_id), connection)
    connection.send(node.welcome(trip_id, now_ms, since))
    state.watch_log.note(trip_id=trip_id, principal=principal, now_ms=now_ms)


def _ended(state: State, trip_id: str, principal: Principal) -> None:
    state.watches.end(principal.session_id)
    state.node.released(trip_id)


async def watch_home(websocket: WebSocket) -> None:
    """`/ws/home`: the states of one contact's visits (or one technician's); never a coordinate."""
    state = state_of(websocket)
    token = bearer_of(websocket)
    principal = None
    if token is not None:
        principal = await authenticate_token(state, token)
    elif origin_is_ours(websocket):
        principal = await authenticate(websocket)
    await websocket.accept(subprotocol=chosen_subprotocol(websocket))
    connection = _connection(state, principal)
    hand_over(websocket, connection, state.sockets)
    topic = _home_topic(principal)
    if principal is None or topic is None:
        connection.close(CloseCode.SIGN_IN_AGAIN, "sign in again")
        return
    _follow(state, connection, topic, principal)


async def watch_board(websocket: WebSocket) -> None:
    """`/ws/dispatch`: every technician and every change, for dispatchers."""
    state = state_of(websocket)
    token = bearer_of(websocket)
    principal = None
    if token is not None:
        principal = await authenticate_token(state, token)
    elif origin_is_ours(websocket):
        principal = await authenticate(websocket)
    await websocket.accept(subprotocol=chosen_subprotocol(websocket))
    connection = _connection(state, principal)
    hand_over(websocket, connection, state.sockets)
    if principal is None:
        connection.close(CloseCode.SIGN_IN_AGAIN, "sign in again")
    elif not principal.is_staff:
        connection.close(CloseCode.NOT_FOUND, "for dispatchers")
    else:
        _follow(state, connection, "dispatch", principal)
        connection.send(encode(state.node.board(state.now_ms())))


def _follow(state: State, connection: WatcherConnection, topic: str, principal: Principal) -> None:
    if not connection.alive:
        return
    if not state.watches.begin(principal):
        connection.close(CloseCode.TOO_MANY, "too many open watches")
        return
    connection.on_ended = lambda: state.watches.end(principal.session_id)
    state.hub.subscribe(topic, connection)
    connection.send(encode({"type": "welcome", "heartbeat_s": HEARTBEAT_S, "server_time": state.now_ms()}))


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
    scheme, _, given = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    for offered in websocket.scope.get("subprotocols", ()):
        if offered.startswith(_BEARER):
            encoded = offered.removeprefix(_BEARER)
            with contextlib.suppress(binascii.Error, UnicodeDecodeError, ValueError):
                return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
            return ""
    return None


def chosen_subprotocol(websocket: WebSocket) -> str | None:
    """Ours when it was offered. A bearer is never echoed: it would end up in a log."""
    return SUBPROTOCOL if SUBPROTOCOL in websocket.scope.get("subprotocols", ()) else None


def _spawn(state: State, connection: WatcherConnection, hello: Coroutine[Any, Any, None]) -> None:
    def done(task: asyncio.Task[None]) -> None:
        state.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a hello could not be answered", exc_info=task.exception())
            connection.close(CloseCode.TRY_LATER, "please come again")

    task = asyncio.get_running_loop().create_task(hello)
    state.tasks.add(task)
    task.add_done_callback(done)


routes: list[BaseRoute] = [
    WebSocketRoute("/ws/appointments/{appointment}", watch_visit),
    WebSocketRoute("/ws/home", watch_home),
    WebSocketRoute("/ws/dispatch", watch_board),
]
