"""A road server that may be away, with another engine behind it.

Every question is asked of the server while it answers; when it does not, of the other engine, and after some failures
the server is left alone for growing pauses (``tracker.roads.breaker``). It comes back by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from tracker.errors import RoadsUnavailable
from tracker.roads import NoRoads, RoadEngine
from tracker.roads.breaker import CLOSED, Breaker
from tracker.roads.destination import Destination
from tracker.route import Route

if TYPE_CHECKING:
    from tracker.roads.road_server import RoadServer

log = logging.getLogger("enroute.roads")

AT_ONCE = 8
"""Questions on their way: more would only wait in the server."""
WAIT_S = 5.0
"""After a restart a thousand trips ask together. Who waited this long for a turn goes to the other engine."""

A = TypeVar("A")


class ServerRoads(RoadEngine, Protocol):
    """A road engine of a server, as ``OsrmRoads`` and ``ValhallaRoads``."""

    name: str
    server: RoadServer


class FallbackRoads:
    """A ``RoadEngine``. Owes ``close``, which closes both engines.

    ``outcomes`` counts what became of the questions to the server: answered, no_way, or the reason of a
    RoadsUnavailable. Without a map behind it (NoRoads) ``route`` and ``travel_s`` raise RoadsUnavailable while the
    server is away: "no way known" and straight lines would be answers, and nobody would ask again.
    """

    def __init__(
        self,
        server: ServerRoads,
        other: RoadEngine,
        *,
        breaker: Breaker | None = None,
        at_once: int = AT_ONCE,
        wait_s: float = WAIT_S,
        now_s: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.server = server
        self.other = other
        self.breaker = breaker or Breaker()
        self.outcomes: Counter[str] = Counter()
        self._turns = asyncio.Semaphore(at_once)
        self._wait_s = wait_s
        self._now_s = now_s
        self._chance = chance

    async def close(self) -> None:
        await self.server.close()
        await self.other.close()

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        try:
            return await self._ask(lambda: self.server.route(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon))
        except RoadsUnavailable:
            if isinstance(self.other, NoRoads):
                raise
        return await self.other.route(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon)

    async def destination(
        self, *, lat: float, lon: float, from_lat: float | None = None, from_lon: float | None = None
    ) -> Destination | None:
        """The other engine's while the server is left alone; else None, for the server knows only routes."""
        if self.breaker.may_ask(self._now_s()):
            return None
        return await self.other.destination(lat=lat, lon=lon, from_lat=from_lat, from_lon=from_lon)

    async def travel_s(
        self, origins: Sequence[tuple[float, float]], destinations: Sequence[tuple[float, float]] | None = None
    ) -> list[list[float | None]]:
        try:
            return await self._ask(lambda: self.server.travel_s(origins, destinations))
        except RoadsUnavailable:
            if isinstance(self.other, NoRoads):
                raise
        return await self.other.travel_s(origins, destinations)

    async def _ask(self, question: Callable[[], Awaitable[A]]) -> A:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turns.acquire()
        except TimeoutError:
            self.outcomes["busy"] += 1
            raise RoadsUnavailable(f"no turn within {self._wait_s:g} s", reason="busy") from None
        try:
            return await self._ask_now(question)
        finally:
            self._turns.release()

    async def _ask_now(self, question: Callable[[], Awaitable[A]]) -> A:
        # Looked at when the turn has come: who waited while others failed need not fail too.
        ticket = self.breaker.ask(self._now_s())
        if ticket is None:
            self.outcomes["left_alone"] += 1
            raise RoadsUnavailable("the road server is left alone for a while", reason="left_alone")
        try:
            answer = await question()
        except RoadsUnavailable as error:
            self.outcomes[error.reason] += 1
            self._failed(ticket, error)
            raise
        except BaseException:
            self.breaker.gave_up(ticket)
            raise
        self.outcomes["no_way" if answer is None else "answered"] += 1
        if self.breaker.succeeded(ticket):
            log.warning("%s at %s answers again", self.server.name, self.server.server.host)
        return answer

    def _failed(self, ticket: int, error: RoadsUnavailable) -> None:
        was_closed = self.breaker.state is CLOSED
        if not self.breaker.failed(ticket, self._now_s(), self._chance()):
            return
        log.log(
            logging.WARNING if was_closed else logging.INFO,
            "%s at %s is left alone for %.0f s (%s); %s meanwhile",
            self.server.name,
            self.server.server.host,
            self.breaker.pause_s,
            error,
            "straight lines" if isinstance(self.other, NoRoads) else "our own road graph serves",
        )
