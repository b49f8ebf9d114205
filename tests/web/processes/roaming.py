"""Phones and watchers that come back as the real ones do: by the close codes, after a while, at another server."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from simulations.reconnect import Backoff, comes_back
from tests.web.live.visits import now_ms
from web.auth import SESSION_COOKIE

INTERVAL_S = 0.1
BATCH_FIXES = 200
NORTH_PER_FIX = 9e-6
START_LAT, FIRST_LON, LON_APART = 41.20, -8.65, 0.001
# How soon somebody tries again who does not obey when told to stay away.
STUBBORN_S = (0.2, 0.8)


@dataclass
class Doors:
    """The addresses of one installation."""

    urls: list[str]
    random: Random

    def any(self) -> str:
        return self.random.choice(self.urls)

    def other_than(self, url: str) -> str:
        return self.random.choice([each for each in self.urls if each != url] or self.urls)


class Roaming:
    """One client of a websocket. ``run`` until cancelled, or until the server says to stay away."""

    def __init__(self, doors: Doors, path: str, *, token: str = "", cookie: str = "", stubborn: bool = False) -> None:
        self._doors = doors
        self._path = path
        self._stubborn = stubborn
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if cookie:
            self._headers["Cookie"] = f"{SESSION_COOKIE}={cookie}"
        self._moving = False
        self._socket: ClientConnection | None = None
        self.backoff = Backoff(doors.random)
        self.closings: Counter[int] = Counter()

    async def run(self) -> None:
        url = self._doors.any()
        while True:
            code = await self._visit(url)
            self.closings[code] += 1
            if self._moving:
                self._moving = False
                self.backoff.worked()
                url = self._doors.any()
            elif comes_back(code):
                await asyncio.sleep(self.backoff.next_s())
                url = self._doors.other_than(url)
            elif self._stubborn:
                await asyncio.sleep(self._doors.random.uniform(*STUBBORN_S))
                url = self._doors.any()
            else:
                return

    def move(self) -> None:
        """Lose the connection, and come by any door at once."""
        if self._socket is not None:
            self._moving = True
            self._socket.transport.abort()

    async def _visit(self, url: str) -> int:
        """Until the connection ends; its close code, 1006 without one."""
        try:
            async with connect(
                url.replace("http://", "ws://") + self._path,
                additional_headers=self._headers,
                subprotocols=["enroute.v1.json"],  # type: ignore[list-item]
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=15,
            ) as socket:
                await self.opened(socket)
                self._socket = socket
                async for text in socket:
                    self.heard(text)
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
            pass
        finally:
            socket_closed, self._socket = self._socket, None
        return (socket_closed.close_code if socket_closed is not None else None) or 1006

    async def opened(self, socket: ClientConnection) -> None:
        """The first words."""

    def heard(self, text: str | bytes) -> None:
        raise NotImplementedError


class _Reply(msgspec.Struct):
    type: str
    upto: int = 0
    rejected: dict[str, int] | None = None
    code: str = ""
    fixed_at: int | None = None


_reply = msgspec.json.Decoder(_Reply).decode
_encode = msgspec.json.Encoder().encode


class RoamingPhone(Roaming):
    """Drives north with ten fixes a second, and keeps each until it is acknowledged. ``drive`` beside ``run``."""

    def __init__(self, doors: Doors, number: int, technician: str, token: str) -> None:
        super().__init__(doors, "/ws/device", token=token)
        self.technician = technician
        self._lon = FIRST_LON + number * LON_APART
        self._made = 0
        self._newest_ms = 0
        self._waiting: list[dict[str, Any]] = []
        self._unconfirmed: dict[int, dict[str, Any]] = {}
        self._stopping = False
        self.settled = asyncio.Event()
        self.sent = 0
        self.late_s = 0.0
        self.acknowledged: list[int] = []
        self.refused: dict[int, str] = {}
        self.rejections: Counter[str] = Counter()

    async def drive(self) -> None:
        """Until ``stop``, and then until everything is acknowledged."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._doors.random.uniform(0, INTERVAL_S)
        while not self.settled.is_set():
            await asyncio.sleep(due_s - loop.time())
            self.late_s = max(self.late_s, loop.time() - due_s)
            due_s += INTERVAL_S
            if not self._stopping:
                self._waiting.append(self._fix())
            if self._socket is not None and self._waiting:
                await self._send(self._socket)

    def stop(self) -> None:
        self._stopping = True
        self._perhaps_settled()

    async def opened(self, socket: ClientConnection) -> None:
        # What was not acknowledged goes once more, before all that is newer.
        self._waiting = [*self._unconfirmed.values(), *self._waiting]
        self._unconfirmed.clear()

    def heard(self, text: str | bytes) -> None:
        reply = _reply(text)
        if reply.type == "ack":
            self.backoff.worked()
            done = [at for at in self._unconfirmed if at <= reply.upto]
            for at in done:
                del self._unconfirmed[at]
            self.acknowledged += done
            self.rejections.update(reply.rejected or {})
            self._perhaps_settled()
        elif reply.type == "error" and reply.fixed_at is not None:
            self.refused[reply.fixed_at] = reply.code

    async def _send(self, socket: ClientConnection) -> None:
        fixes, self._waiting = self._waiting[:BATCH_FIXES], self._waiting[BATCH_FIXES:]
        self._unconfirmed |= {fix["fixed_at"]: fix for fix in fixes}
        self.sent += len(fixes)
        with contextlib.suppress(ConnectionClosed, OSError):
            await socket.send(_encode(fixes[0] if len(fixes) == 1 else fixes).decode())

    def _fix(self) -> dict[str, Any]:
        self._made += 1
        self._newest_ms = max(now_ms(), self._newest_ms + 1)
        lat = START_LAT + self._made * NORTH_PER_FIX
        return {"fixed_at": self._newest_ms, "lat": lat, "lon": self._lon, "accuracy_m": 5.0, "speed_mps": 10.0}

    def _perhaps_settled(self) -> None:
        if self._stopping and not self._waiting and not self._unconfirmed:
            self.settled.set()


@dataclass
class Right:
    """When a position may be shown, as spans of the time of its fix. A connection that began after the end of a span
    is shown nothing of it."""

    spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return bool(self.spans) and self.spans[-1][1] == inf

    def open(self, from_ms: int | None = None) -> None:
        # A visit's states have the time in whole seconds.
        self.spans.append((now_ms() // 1000 * 1000 if from_ms is None else from_ms, inf))

    def close(self, at_ms: float) -> None:
        self.spans[-1] = (self.spans[-1][0], at_ms)

    def allows(self, *, fixed_at: int, connected_ms: int) -> bool:
        return any(begin <= fixed_at <= end and connected_ms <= end for begin, end in self.spans)


class _Fixed(msgspec.Struct):
    fixed_at: int


class _Snapshot(msgspec.Struct):
    position: _Fixed | None = None


class _Frame(msgspec.Struct):
    type: str
    seq: int | None = None
    epoch: str = ""
    fixed_at: int = 0
    snapshot: _Snapshot | None = None


_frame = msgspec.json.Decoder(_Frame).decode


class RoamingWatcher(Roaming):
    """Watches one visit and holds against the server what it is told. ``faults`` stays empty if all is well."""

    def __init__(self, doors: Doors, visit_id: str, rights: Sequence[Right], **options: Any) -> None:
        super().__init__(doors, f"/ws/appointments/{visit_id}", **options)
        self._rights = rights
        self._epoch = ""
        self._seqs: dict[str, int] = {}
        self._fixed: dict[str, int] = {}
        self._connected_ms = 0
        self._asked_ms = 0
        self.shown_ms = 0
        self.right = asyncio.Event()
        self.right_after_ms = 0
        self.welcomes = self.positions = self.older = 0
        self.faults: list[str] = []

    @property
    def may_see(self) -> bool:
        return all(right.is_open for right in self._rights)

    def ask(self, since_ms: int) -> None:
        """``right`` is set when a position is shown that was fixed later than that."""
        self._asked_ms = since_ms
        self.right_after_ms = 0
        self.right.clear()

    async def opened(self, socket: ClientConnection) -> None:
        self._connected_ms = now_ms()
        if self._epoch:
            since = {"epoch": self._epoch, "seq": self._seqs[self._epoch]}
            await socket.send(_encode({"type": "hello", "since": since}).decode())

    def heard(self, text: str | bytes) -> None:
        frame = _frame(text)
        if frame.type == "welcome":
            self.backoff.worked()
            self.welcomes += 1
            self._epoch = frame.epoch
            assert frame.seq is not None
            assert frame.snapshot is not None
            if frame.seq < self._seqs.get(frame.epoch, 0):
                self.faults.append(f"welcomed with {frame.seq} after {self._seqs[frame.epoch]}")
            self._seqs[frame.epoch] = max(frame.seq, self._seqs.get(frame.epoch, 0))
            if frame.snapshot.position is not None:
                self.older += frame.snapshot.position.fixed_at < self.shown_ms
                self._see(frame.snapshot.position.fixed_at, "a snapshot of")
        elif frame.seq is not None:
            if frame.seq <= self._seqs[self._epoch]:
                self.faults.append(f"{frame.type} {frame.seq} after {self._seqs[self._epoch]}")
            if frame.type != "end":
                # After it nobody comes again who obeys, and who does is told the end once more.
                self._seqs[self._epoch] = frame.seq
            if frame.type == "position":
                self.positions += 1
                self.older += frame.fixed_at < self.shown_ms
                self._see(frame.fixed_at, "a position of")

    def _see(self, fixed_at: int, what: str) -> None:
        if not all(right.allows(fixed_at=fixed_at, connected_ms=self._connected_ms) for right in self._rights):
            spans = [right.spans for right in self._rights]
            self.faults.append(f"{what} {fixed_at} without a right at {now_ms()}: {spans}, {self._connected_ms=}")
        newest = self._fixed.get(self._epoch, 0)
        if fixed_at < newest:
            self.faults.append(f"{what} {fixed_at} after one of {newest}")
        self._fixed[self._epoch] = max(fixed_at, newest)
        self.shown_ms = max(fixed_at, self.shown_ms)
        if fixed_at > self._asked_ms and not self.right.is_set():
            self.right_after_ms = now_ms() - self._asked_ms
            self.right.set()
