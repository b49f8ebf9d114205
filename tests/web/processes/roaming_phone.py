"""A technician's phone under way, which keeps every fix until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.web.live.visits import now_ms
from tests.web.processes.roaming import Doors, Roaming

INTERVAL_S = 0.1
BATCH_FIXES = 200
NORTH_PER_FIX = 9e-6
START_LAT, FIRST_LON, LON_APART = 41.20, -8.65, 0.001


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
