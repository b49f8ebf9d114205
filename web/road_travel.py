"""Travel between visits on real roads: the road engine of the tracker as the travel source of `slots`.

What an offer asks is fetched in tables by tasks of their own: from a place to all its neighbours, and from these to it.
Whoever waits for them does so for a moment only; what has not come by then is estimated on straight lines, and the
tables that come later serve the next who asks. What nobody waits for is asked when nothing else is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from itertools import islice
from math import ceil
from typing import NamedTuple

from slots.travel_table import Figure, Leg, straight_figure
from tracker.errors import RoadsUnavailable
from tracker.roads import RoadEngine
from web.learning import own_roads
from web.travel_cache import Place, TravelCache, place_of

log = logging.getLogger("enroute.travel")

# A customer looks at a turning wheel meanwhile; an offer waits twice at most.
PATIENCE_S = 1.5
# Tables on their way: trips have questions of their own for the same engine.
AT_ONCE = 2
# Legs that are waited for: two questions of a large company. Beyond, straight lines serve.
MOST_UNDER_WAY = 20_000
# Legs that are asked when nothing else is: those between the visits of a large company over two weeks are two thousand.
MOST_LATER = 20_000
LATER_AT_ONCE = 2000
# After a failure, so that a queue of questions does not run into the same wall one by one.
PAUSE_S = 5.0
# What nobody waits for takes a sixth of the engine's time at most: it may share its core with the server.
REST = 5.0
# Of a table from one place to many: one search of our own road graph, however many they are.
MOST_PLACES = 5000
# Of one that answers pairs which share no end, by the way.
PAIRS = 25
# Which end a leg was searched from shows in its last digits, and must not in whole seconds.
DIGITS = 3
# So many legs are dealt with before the event loop goes on: a millisecond.
SLICE = 200


class Table(NamedTuple):
    """One question for the engine; it answers `legs`, and perhaps more that nobody asked for."""

    origins: list[Place]
    destinations: list[Place]
    legs: list[Leg]


class RoadTravel:
    """A `TravelSource` of one process. Owes `close`, which ends the questions but not the engine.

    `outcomes` counts legs: roads, no_way (straight line), and stand-ins as late, unavailable or crowded.
    """

    def __init__(
        self,
        roads: RoadEngine,
        *,
        cache: TravelCache | None = None,
        patience_s: float = PATIENCE_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self._roads = roads
        self._own = own_roads(roads)
        self._cache = cache or TravelCache()
        self._patience_s = patience_s
        self._now_s = now_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[Leg, asyncio.Task[None]] = {}
        self._later: dict[Leg, None] = {}
        self._is_preparing = False
        # While it is set, nobody waits for a table.
        self._idle = asyncio.Event()
        self._idle.set()
        self._asking = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers = 0
        # Somebody waited in vain and nothing has come since: nobody else waits.
        self._is_silent = False
        self._pause_until_s = float("-inf")
        self._told_failure = False

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def offered(self, leg: Leg) -> Figure | None:
        return self._cache.offered(leg, version=self._version(), now_s=self._now_s())

    def accepted(self, leg: Leg) -> Figure | None:
        return self._cache.accepted(leg, now_s=self._now_s())

    async def fetch(self, legs: Collection[Leg]) -> Mapping[Leg, Figure]:
        figures, missing = await self._at_hand(legs)
        waited_for = self._ask_for(missing)
        if waited_for and not self._is_silent:
            answers = self._answers
            _, late = await asyncio.wait(waited_for, timeout=self._patience_s)
            self._is_silent = bool(late) and self._answers == answers
        came, missing = await self._at_hand(missing)
        figures |= came
        for part in _slices(missing):
            late_legs = [leg for leg in part if leg in self._under_way]
            figures |= self._stand_in(late_legs, "late")
            figures |= self._stand_in([leg for leg in part if leg not in self._under_way], "crowded")
            await _give_way(part)
        return figures

    def prepare(self, legs: Collection[Leg]) -> None:
        wanted = [leg for leg in legs if leg not in self._later and leg not in self._under_way]
        self._later |= dict.fromkeys(wanted[: max(0, MOST_LATER - len(self._later))])
        if self._later and not self._is_preparing:
            self._is_preparing = True
            self._begin(self._prepare(), name="travel later")

    async def _at_hand(self, legs: Collection[Leg]) -> tuple[dict[Leg, Figure], list[Leg]]:
        """What is known of them, and the legs of which nothing is."""
        known: dict[Leg, Figure] = {}
        missing: list[Leg] = []
        for part in _slices(legs):
            for leg in part:
                figure = self.offered(leg)
                if figure is None:
                    missing.append(leg)
                else:
                    known[leg] = figure
            await _give_way(part)
        return known, missing

    def _ask_for(self, legs: list[Leg]) -> set[asyncio.Task[None]]:
        """The tasks that will have answered all of these for which there is room."""
        new = [leg for leg in legs if leg not in self._under_way]
        new = new[: max(0, MOST_UNDER_WAY - len(self._under_way))]
        if new:
            task = self._begin(self._ask(new), name="travel")
            self._under_way |= dict.fromkeys(new, task)
        return {self._under_way[leg] for leg in legs if leg in self._under_way}

    def _begin(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _ask(self, legs: list[Leg]) -> None:
        left = dict.fromkeys(legs)
        self._asking += 1
        self._idle.clear()
        try:
            for table in await _tables_for(legs, pairs=PAIRS):
                async with self._turns:
                    if not await self._answer(table):
                        break
                for leg in table.legs:
                    del left[leg]
                    self._under_way.pop(leg, None)
        finally:
            self._asking -= 1
            if not self._asking:
                self._idle.set()
            for leg in left:
                self._under_way.pop(leg, None)
        for part in _slices(left):
            self._stand_in(part, "unavailable")
            await _give_way(part)

    async def _prepare(self) -> None:
        """What is not to be had now is forgotten: who misses it says so again."""
        try:
            while self._later:
                part = list(islice(self._later, LATER_AT_ONCE))
                for leg in part:
                    del self._later[leg]
                _, missing = await self._at_hand(part)
                # Small ones: who waits for a table may have to wait for one of these first.
                for table in await _tables_for(missing, pairs=1):
                    await self._idle.wait()
                    began_s = self._now_s()
                    if not await self._answer(table):
                        self._later.clear()
                        return
                    await asyncio.sleep((self._now_s() - began_s) * REST)
        finally:
            self._is_preparing = False

    async def _answer(self, table: Table) -> bool:
        """Whether the engine did."""
        if self._now_s() < self._pause_until_s:
            return False
        version = self._version()
        try:
            rows = await self._roads.travel_s(table.origins, table.destinations)
            await self._take(table, rows, version)
        except RoadsUnavailable as error:
            self._failed(str(error))
            return False
        except Exception:
            log.exception("the road engine failed")
            self._failed("see above")
            return False
        return True

    async def _take(self, table: Table, rows: list[list[float | None]], version: int) -> None:
        now_s = self._now_s()
        row_of = dict(zip(table.origins, rows, strict=True))
        column_of = {place: number for number, place in enumerate(table.destinations)}
        self._answers += 1
        self._is_silent = False
        for part in _slices(table.legs):
            figures = {}
            for leg in part:
                seconds = row_of[place_of(leg[0])][column_of[place_of(leg[1])]]
                figures[leg] = straight_figure(leg) if seconds is None else Figure(ceil(round(seconds, DIGITS)), False)
                self.outcomes["no_way" if seconds is None else "roads"] += 1
            self._cache.put(figures, version=version, now_s=now_s)
            await _give_way(part)
        if self._told_failure:
            self._told_failure = False
            log.info("travel between visits is reckoned on roads again")

    def _failed(self, reason: str) -> None:
        self._pause_until_s = self._now_s() + PAUSE_S
        if not self._told_failure:
            self._told_failure = True
            log.warning("travel between visits is estimated on straight lines for now: %s", reason)

    def _stand_in(self, legs: Collection[Leg], reason: str) -> dict[Leg, Figure]:
        if legs:
            self.outcomes[reason] += len(legs)
        return self._cache.stand_in(legs, version=self._version(), now_s=self._now_s())

    def _version(self) -> int:
        """Of what our own road graph reckons with; a road server tells of none."""
        return 0 if self._own is None else self._own.graph.version


def tables_for(legs: Collection[Leg], *, pairs: int = PAIRS) -> Iterator[Table]:
    """Few tables that answer all the legs: from one place to many, from many to one, and of pairs that share no end."""
    by_end: dict[Place, list[Leg]] = defaultdict(list)
    by_start: dict[Place, list[Leg]] = defaultdict(list)
    for leg in legs:
        by_end[place_of(leg[1])].append(leg)
        by_start[place_of(leg[0])].append(leg)
    taken: set[Leg] = set()
    for groups in (by_end, by_start):
        for group in sorted(groups.values(), key=len, reverse=True):
            rest = [leg for leg in group if leg not in taken]
            if len(rest) > 1:
                taken.update(rest)
                yield from _batches(rest, MOST_PLACES)
    # Those that end near each other are searched on the same part of a map.
    rest = sorted((leg for leg in legs if leg not in taken), key=lambda leg: place_of(leg[1]))
    yield from _batches(rest, pairs)


def _batches(legs: list[Leg], size: int) -> Iterator[Table]:
    waiting = iter(legs)
    while part := list(islice(waiting, size)):
        origins = dict.fromkeys(place_of(leg[0]) for leg in part)
        destinations = dict.fromkeys(place_of(leg[1]) for leg in part)
        yield Table(list(origins), list(destinations), part)


def _slices(legs: Collection[Leg]) -> Iterator[list[Leg]]:
    waiting = iter(legs)
    while part := list(islice(waiting, SLICE)):
        yield part


async def _tables_for(legs: Collection[Leg], *, pairs: int) -> list[Table]:
    """Of a large company this takes milliseconds."""
    if len(legs) <= SLICE:
        return list(tables_for(legs, pairs=pairs))
    return await asyncio.to_thread(lambda: list(tables_for(legs, pairs=pairs)))


async def _give_way(part: list[Leg]) -> None:
    """After a whole slice: after less there is nothing that waited long."""
    if len(part) == SLICE:
        await asyncio.sleep(0)
