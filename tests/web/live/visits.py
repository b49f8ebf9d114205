"""Visits, phones and watchers for the live tests, all through the doors a person uses."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.servers import EnrouteServer
from web.auth import SESSION_COOKIE

WITHIN_S = 30.0
TECHNICIANS = 90
START_LAT, START_LON = 41.20, -8.65
_steps = itertools.count(1)
_technicians = itertools.cycle(range(TECHNICIANS))
_newest_ms = 0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def next_fix(**changes: Any) -> dict[str, Any]:
    """A plausible fix, a little later and further than the last one of this run."""
    global _newest_ms
    _newest_ms = max(now_ms(), _newest_ms + 1)
    fix = {
        "fixed_at": _newest_ms,
        "lat": START_LAT + next(_steps) * 2e-6,
        "lon": START_LON,
        "accuracy_m": 5.0,
        "speed_mps": 10.0,
    }
    return fix | changes


@dataclass
class Phone:
    """A technician's phone on its socket."""

    socket: ClientConnection
    replies: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, *fixes: dict[str, Any]) -> None:
        await self.socket.send(msgspec.json.encode(fixes[0] if len(fixes) == 1 else fixes).decode())

    async def reply(self, kind: str) -> dict[str, Any]:
        """The next answer of this type; others are kept in ``replies``."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                answer: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
                self.replies.append(answer)
                if answer["type"] == kind:
                    return answer


@dataclass
class Watching:
    """Somebody who watches; ``seen`` holds every message in order."""

    socket: ClientConnection
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read until a message fits."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                message: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
                self.seen.append(message)
                if wanted(message):
                    return message

    async def next(self, kind: str) -> dict[str, Any]:
        return await self.until(lambda message: message["type"] == kind)

    async def closed(self) -> int:
        """Read to the end; the close code."""
        async with asyncio.timeout(WITHIN_S):
            self.seen.extend([msgspec.json.decode(text) async for text in _to_the_end(self.socket)])
        code = self.socket.close_code
        assert code not in (None, 1006), "torn down without a close frame"
        return code


async def _to_the_end(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    with contextlib.suppress(ConnectionClosed):
        while True:
            yield await socket.recv()


@dataclass
class Visit:
    """A visit and the phone of the technician who comes."""

    server: EnrouteServer
    id: str
    phone_token: str

    @contextlib.asynccontextmanager
    async def phone(self) -> AsyncIterator[Phone]:
        async with phone(self.server, self.phone_token) as made:
            yield made

    @contextlib.asynccontextmanager
    async def watched(self, client: httpx.AsyncClient, **options: Any) -> AsyncIterator[Watching]:
        async with watching(self.server, self.id, client, **options) as made:
            yield made


def socket_url(server: EnrouteServer, path: str) -> str:
    return server.url.replace("http://", "ws://") + path


@contextlib.asynccontextmanager
async def phone(server: EnrouteServer, token: str) -> AsyncIterator[Phone]:
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(socket_url(server, "/ws/device"), additional_headers=headers) as socket:
        yield Phone(socket)


@contextlib.asynccontextmanager
async def watching(
    server: EnrouteServer, visit_id: str, client: httpx.AsyncClient | None, **options: Any
) -> AsyncIterator[Watching]:
    """By the client's cookie, if there is a client."""
    headers = options.pop("headers", {})
    if client is not None:
        headers = headers | {"Cookie": f"{SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}"}
    async with connect(
        socket_url(server, f"/ws/appointments/{visit_id}"),
        additional_headers=headers,
        subprotocols=options.pop("subprotocols", ["enroute.v1.json"]),
        **options,
    ) as socket:
        yield Watching(socket)


async def device_token(dispatcher: httpx.AsyncClient, technician: str) -> str:
    answer = await dispatcher.post("/api/dispatch/device-tokens", json={"technician": technician})
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


async def book(customer: httpx.AsyncClient) -> str:
    """The first free time, booked; the visit's id."""
    today = datetime.datetime.now(datetime.UTC).date()
    span = {"from": str(today), "to": str(today + datetime.timedelta(days=7))}
    answer = await customer.get("/api/slots", params={"service": "check"} | span)
    slots = [slot for day in answer.json()["days"] for slot in day["slots"]]
    answer = await customer.post("/api/appointments", json={"slot": slots[0]["slot"], "service": "check"})
    assert answer.status_code == 201, answer.text
    visit_id: str = answer.json()["id"]
    return visit_id


async def book_with(customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient, server: EnrouteServer) -> Visit:
    """A Scheduled visit of a technician whom no other test of this server has moved."""
    visit_id = await book(customer)
    technician = f"technician-{next(_technicians)}"
    visit = (await dispatcher.get(f"/api/appointments/{visit_id}")).json()
    if visit["technician"]["id"] != technician:
        answer = await dispatcher.post(
            f"/api/dispatch/appointments/{visit_id}/reassign", json={"technician": technician}
        )
        assert answer.status_code == 200, answer.text
    return Visit(server, visit_id, await device_token(dispatcher, technician))


@contextlib.asynccontextmanager
async def planned_with(
    customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient, server: EnrouteServer
) -> AsyncIterator[Visit]:
    """A Scheduled visit as of `book_with`; canceled or completed at the end, so that its place is free again."""
    made = await book_with(customer, dispatcher, server)
    try:
        yield made
    finally:
        with contextlib.suppress(httpx.HTTPError):
            await dispatcher.post(f"/api/appointments/{made.id}/cancel", json={"reason": "the test is over"})
            await dispatcher.post(f"/api/appointments/{made.id}/complete", json={})


async def change(client: httpx.AsyncClient, visit_id: str, action: str, **body: Any) -> httpx.Response:
    answer = await client.post(f"/api/appointments/{visit_id}/{action}", json=body)
    assert answer.status_code == 200, answer.text
    return answer
