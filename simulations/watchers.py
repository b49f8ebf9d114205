"""One customer's screen: watches a visit, comes back after a lost connection where it left off."""

from __future__ import annotations

import asyncio
from random import Random

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from simulations.departures import Departures
from simulations.observations import Observations
from simulations.reconnect import Backoff, comes_back
from simulations.run_clock import RunClock
from simulations.watch_log import Frame, WatchLog

SUBPROTOCOL = "enroute.v1.json"
OVER = 4510

_decode = msgspec.json.Decoder(dict[str, object]).decode


class Watcher:
    """``run`` watches until the visit is over; what was told stands in ``log``."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        visit: str,
        seed: str,
        observations: Observations,
        clock: RunClock,
        departures: Departures | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._visit = visit
        self._backoff = Backoff(Random(f"watcher {seed}"))
        self._seen = observations
        self._clock = clock
        self._departures = departures or Departures()
        self._socket: ClientConnection | None = None
        self.log = WatchLog()
        self.welcomed = asyncio.Event()
        self.heard = asyncio.Event()  # set at every frame; whoever waits clears it
        self.positioned = asyncio.Event()
        self.close_code: int | None = None

    async def drop(self) -> None:
        """Lose the connection without a word, as in a lift."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def run(self) -> None:
        """Until the visit is over or the server says to stay away; ``close_code`` is its last word."""
        while True:
            try:
                async with connect(
                    self._url,
                    subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                    compression=None,
                    proxy=None,
                    open_timeout=20,
                ) as socket:
                    self._socket = socket
                    await self._watch(socket)
            except (OSError, InvalidHandshake, TimeoutError) as error:
                self._seen.errors[f"watcher: {type(error).__name__}"] += 1
            except ConnectionClosed:
                pass
            finally:
                socket_closed, self._socket = self._socket, None
            self.close_code = socket_closed.close_code if socket_closed is not None else None
            if self.close_code is not None and not comes_back(self.close_code):
                if self.close_code != OVER:
                    self._seen.errors[f"watcher: closed {self.close_code}"] += 1
                return
            if self.log.ended is not None:
                return
            self._seen.tally("watcher reconnects", self._clock.elapsed_s())
            await asyncio.sleep(self._backoff.next_s(self.close_code))

    async def _watch(self, socket: ClientConnection) -> None:
        hello: dict[str, object] = {"type": "hello", "token": self._token}
        if self.log.epoch is not None:
            hello["since"] = {"epoch": self.log.epoch, "seq": self.log.seq}
        await socket.send(msgspec.json.encode(hello).decode())
        async for text in socket:
            frame: Frame = _decode(text)
            now_ms = self._clock.now_ms()
            self.log.receive(frame, now_ms)
            self._measure(frame, now_ms)
            self.heard.set()

    def _measure(self, frame: Frame, now_ms: float) -> None:
        at_s = self._clock.elapsed_s()
        kind = frame.get("type")
        if kind == "welcome":
            self._backoff.worked()
            self.welcomed.set()
        elif kind == "position":
            self.positioned.set()
            self._seen.tally("positions received", at_s)
            self._seen.freshness_s.add((now_ms - frame["fixed_at"]) / 1000)
            took_ms = self._departures.took_ms(self._visit, frame["fixed_at"], now_ms)
            if took_ms is not None:
                self._seen.latency(at_s, took_ms)
        if self.log.first_ms is not None:
            self.positioned.set()
