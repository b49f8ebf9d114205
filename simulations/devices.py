"""A technician's phone on ``/ws/device``: sends fixes, keeps what is not acknowledged, comes back after a loss.

``post_fixes`` is the same report over HTTP.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from random import Random

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from simulations.api import Api
from simulations.departures import Departures
from simulations.observations import Observations
from simulations.reconnect import LOST, Backoff, comes_back
from simulations.run_clock import RunClock

HELD_FIXES = 20_000  # a long day offline; beyond it the oldest go
BATCH_FIXES = 200


class WireFix(msgspec.Struct, omit_defaults=True):
    """A native fix as the server reads it; unknown values are left out."""

    fixed_at: int
    lat: float
    lon: float
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    battery: float | None = None


class _Ack(msgspec.Struct, tag_field="type", tag="ack"):
    upto: int
    rejected: dict[str, int] | None = None


class _Rate(msgspec.Struct, tag_field="type", tag="rate"):
    interval_s: int


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    code: str
    detail: str = ""
    fixed_at: int | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Ack | _Rate | _Error).decode


class StayAwayError(Exception):
    """The server closed a socket with a code that forbids another try."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return f"closed with {self.code}: {self.reason or 'no reason given'}"


class Phone:
    """``send`` never waits; ``run`` must be running for anything to leave. Fixes leave in the order sent."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seed: str,
        observations: Observations,
        clock: RunClock,
        departures: Departures | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._backoff = Backoff(Random(f"phone {seed}"))
        self._seen = observations
        self._clock = clock
        self._departures = departures or Departures()
        self._waiting: deque[tuple[WireFix, ...]] = deque()
        self._unconfirmed: OrderedDict[int, tuple[WireFix, float]] = OrderedDict()
        self._work = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._socket: ClientConnection | None = None
        self.connected = asyncio.Event()
        self.visit: str | None = None
        self._interval_ms = 0
        self._newest_at: int | None = None
        self.rejected: dict[str, int] = {}

    @property
    def held(self) -> int:
        """Fixes that the server has not confirmed yet."""
        return len(self._unconfirmed) + sum(len(batch) for batch in self._waiting)

    def send(self, fixes: tuple[WireFix, ...]) -> None:
        """Hand over one report: a single fix or a batch. Without those that come sooner than the server wishes."""
        wanted = self._as_rarely_as_wished(fixes)
        if len(wanted) < len(fixes):
            self._seen.tally("fixes the server wished away", self._clock.elapsed_s(), len(fixes) - len(wanted))
        if not wanted:
            return
        self._waiting.append(wanted)
        while self.held > HELD_FIXES and self._waiting:
            lost = self._waiting.popleft()
            self._seen.tally("fixes given up", self._clock.elapsed_s(), len(lost))
        self._settled.clear()
        self._work.set()

    def _as_rarely_as_wished(self, fixes: tuple[WireFix, ...]) -> tuple[WireFix, ...]:
        wished = []
        for fix in fixes:
            if self._newest_at is None or abs(fix.fixed_at - self._newest_at) >= self._interval_ms:
                self._newest_at = fix.fixed_at
                wished.append(fix)
        return tuple(wished)

    async def settled(self) -> None:
        """Wait until everything sent so far is confirmed."""
        await self._settled.wait()

    async def drop(self) -> None:
        """Lose the network for a moment: the connection goes without a word."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def run(self) -> None:
        """Until cancelled. Raises StayAwayError when the server does not want this phone."""
        while True:
            code = LOST
            try:
                async with connect(
                    self._url,
                    additional_headers={"Authorization": f"Bearer {self._token}"},
                    compression=None,
                    proxy=None,
                    open_timeout=20,
                ) as socket:
                    await self._speak(socket)
            except (OSError, InvalidHandshake, TimeoutError) as error:
                self._seen.errors[f"device: {type(error).__name__}"] += 1
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else LOST
                if not comes_back(code):
                    raise StayAwayError(code, closed.rcvd.reason if closed.rcvd else "") from closed
                self._seen.tally("device reconnects", self._clock.elapsed_s())
            except InvalidURI as error:
                raise StayAwayError(0, str(error)) from error
            finally:
                self._socket = None
                self._interval_ms = 0
                self.connected.clear()
            await asyncio.sleep(self._backoff.next_s(code))

    async def _speak(self, socket: ClientConnection) -> None:
        self._socket = socket
        again = tuple(fix for fix, _ in self._unconfirmed.values())
        for start in range(0, len(again), BATCH_FIXES):
            await socket.send(_encode(again[start : start + BATCH_FIXES]).decode())
        self.connected.set()
        listening = asyncio.create_task(self._listen(socket))
        try:
            while True:
                while self._waiting:
                    await self._transmit(socket)
                self._work.clear()
                working = asyncio.create_task(self._work.wait())
                try:
                    done, _ = await asyncio.wait({listening, working}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    working.cancel()
                if listening in done:
                    listening.result()
        finally:
            listening.cancel()

    async def _transmit(self, socket: ClientConnection) -> None:
        fixes = self._waiting[0]
        now_ms = self._clock.now_ms()
        for fix in fixes:
            if self.visit is not None:
                self._departures.left(self.visit, fix.fixed_at, now_ms)
            self._unconfirmed[fix.fixed_at] = (fix, now_ms)
        self._waiting.popleft()
        self._seen.tally("fixes sent", self._clock.elapsed_s(), len(fixes))
        await socket.send(_encode(fixes[0] if len(fixes) == 1 else fixes).decode())

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = _decode(text)
            if isinstance(message, _Ack):
                self._confirmed(message)
            elif isinstance(message, _Rate):
                self._interval_ms = 1000 * message.interval_s
            elif message.fixed_at is None:
                # A refused fix has its time and is counted by the next ack; this is about the message itself.
                self._seen.errors[f"device: {message.code}"] += 1
        raise ConnectionClosed(socket.protocol.close_rcvd, socket.protocol.close_sent)

    def _confirmed(self, ack: _Ack) -> None:
        self._backoff.worked()
        now_ms = self._clock.now_ms()
        for fixed_at in [at for at in self._unconfirmed if at <= ack.upto]:
            _, sent_ms = self._unconfirmed.pop(fixed_at)
            self._seen.ack_ms.add(now_ms - sent_ms)
        for reason, count in (ack.rejected or {}).items():
            self._seen.rejections[reason] += count
            self.rejected[reason] = self.rejected.get(reason, 0) + count
        if not self.held:
            self._settled.set()


async def post_fixes(api: Api, fixes: tuple[WireFix, ...]) -> dict[str, int]:
    """Report over ``POST /in/fix`` with the device token in ``api``. Refused fixes by reason."""
    answer = await api.post("/in/fix", list(fixes))
    refused: dict[str, int] = {}
    for entry in answer.body.get("rejected", ()):
        refused[entry["reason"]] = refused.get(entry["reason"], 0) + 1
    return refused
