"""Watching over plain HTTP, where websockets are blocked.

`GET /api/appointments/{id}/live` is the snapshot; `…/events` the same stream as the socket's as server-sent events,
resumed by `Last-Event-ID: epoch-seq`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from tracker.messages import HEARTBEAT_S, End, Heartbeat, Since, Snapshot, encode
from tracker.watchers import Message, Watcher
from web import customer_socket, device_socket, fixes_api
from web.auth import Principal
from web.openapi import endpoint, resource
from web.problems import Problem
from web.state import State, state_of
from web.trip_facts import ENDED
from web.watching import watcher_of

ENDED_STATES = frozenset(status.value for status in ENDED)
NO_STORE = {"Cache-Control": "no-store"}


@endpoint(
    "The newest of each kind, for polling",
    tag="Live",
    answers={200: Snapshot},
    problems=("sign_in_required", "not_found"),
)
async def snapshot(request: Request) -> Response:
    """The newest of each kind, for polling."""
    state = state_of(request)
    trip_id = request.path_params["appointment"]
    async with _Pinned(state, trip_id):
        principal = await _admitted(request, state, trip_id)
        now_ms = state.now_ms()
        body = encode(state.node.snapshot(trip_id, now_ms))
        state.watch_log.polled(trip_id=trip_id, principal=principal, now_ms=now_ms)
    return Response(body, media_type="application/json", headers=NO_STORE)


@endpoint(
    "The live stream as server-sent events; each event is a message of the websocket",
    tag="Live",
    headers={"Last-Event-ID": "`epoch-seq` of the last event that was seen"},
    media_type="text/event-stream",
    problems=("sign_in_required", "not_found", "too_many_requests"),
)
async def events(request: Request) -> Response:
    """The stream as server-sent events."""
    state = state_of(request)
    trip_id = request.path_params["appointment"]
    node = state.node
    async with _Pinned(state, trip_id):
        principal = await _admitted(request, state, trip_id)
        if not state.watches.begin(principal):
            raise Problem("too_many_requests", "Too many open watches.", headers={"Retry-After": "30"})
        watcher = StreamWatcher(principal=principal, until_ms=principal.expires_at_ms)
        now_ms = state.now_ms()
        watcher.welcome = node.welcome(trip_id, now_ms, _since(request))
        watcher.epoch = node.epoch(trip_id)
        first = node.snapshot(trip_id, now_ms)
        watcher.seq = first.seq
        if first.status in ENDED_STATES:
            seq = first.seq + 1
            watcher.keep(Message.of(encode(End(seq=seq, reason=first.status)), seq=seq))
            watcher.over = True
        else:
            state.hub.subscribe(node.topic(trip_id), watcher, heartbeat=False)
            state.watch_log.watch_begins(trip_id=trip_id, principal=principal, now_ms=now_ms)
    return StreamingResponse(
        _stream(state, trip_id, principal, watcher),
        media_type="text/event-stream",
        headers=NO_STORE | {"X-Accel-Buffering": "no"},
    )


class StreamWatcher(Watcher):
    """A watcher that is read by a response: everything goes through its mailbox, the newest position only."""

    __slots__ = ("epoch", "over", "reading", "seq", "wake", "welcome")

    def __init__(self, *, principal: Principal, until_ms: int) -> None:
        super().__init__(write=_never, principal=principal, until_ms=until_ms)
        self.stalled = True
        self.over = False
        self.reading: list[Message] = []
        self.wake = asyncio.Event()
        self.welcome = b""
        self.epoch = ""
        self.seq = 0

    def keep(self, message: Message) -> bool:
        self.wake.set()
        return super().keep(message)

    def drop_positions(self) -> None:
        super().drop_positions()
        self.reading = [message for message in self.reading if not message.located]

    def cut(self, code: int, reason: str) -> None:
        # Nothing that was not read yet may show a position to whom the right was taken from.
        self.drop_positions()
        self.over = True
        self.wake.set()


async def _stream(state: State, trip_id: str, principal: Principal, watcher: StreamWatcher) -> AsyncIterator[bytes]:
    try:
        yield _event(watcher.epoch, watcher.seq, watcher.welcome)
        while True:
            watcher.reading = watcher.take()
            while watcher.reading:
                message = watcher.reading.pop(0)
                if watcher.until_ms <= state.now_ms():
                    return
                yield _event(watcher.epoch, message.seq, message.payload)
            if watcher.over or state.draining.is_set() or watcher.until_ms <= state.now_ms():
                return
            watcher.wake.clear()
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await _either(watcher.wake, state.draining)
            except TimeoutError:
                yield b"data: " + encode(Heartbeat(server_time=state.now_ms())) + b"\n\n"
    finally:
        state.hub.unsubscribe(watcher)
        state.watches.end(principal.session_id)
        state.node.released(trip_id)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _event(epoch: str, seq: int, payload: bytes) -> bytes:
    return b"id: %s-%d\ndata: %s\n\n" % (epoch.encode(), seq, payload)


def _since(request: Request) -> Since | None:
    epoch, dash, seq = request.headers.get("last-event-id", "").rpartition("-")
    return Since(epoch=epoch, seq=int(seq)) if dash and seq.isdecimal() and len(seq) < 16 else None


class _Pinned:
    """Holds a visit's stream while its facts are read."""

    def __init__(self, state: State, trip_id: str) -> None:
        self._node = state.node
        self._trip_id = trip_id

    async def __aenter__(self) -> None:
        self._node.pin(self._trip_id)

    async def __aexit__(self, *error: Any) -> None:
        self._node.unpin(self._trip_id)


async def _admitted(request: Request, state: State, trip_id: str) -> Principal:
    principal, facts = await watcher_of(request, state, trip_id)
    if facts is not None and not state.node.bus.alone:
        await state.node.bus.company(state.node.topic(trip_id))
        # The right, and the visit, are those of the moment in which the watch begins.
        principal, facts = await watcher_of(request, state, trip_id)
    if principal is None:
        raise Problem("sign_in_required")
    if facts is None:
        raise Problem("not_found", "There is no such visit.")
    state.node.offer_facts(trip_id, facts)
    return principal


def _never(data: bytes) -> None:
    raise RuntimeError("a stream is read, not written to")


routes: list[BaseRoute] = [
    resource("/api/appointments/{appointment}/live", get=snapshot),
    resource("/api/appointments/{appointment}/events", get=events),
    *fixes_api.routes,
    *customer_socket.routes,
    *device_socket.routes,
]
