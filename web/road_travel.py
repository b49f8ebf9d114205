"""Travel between visits on real roads: the road engine of the tracker as the travel source of `slots`.

What an offer asks is fetched in tables by tasks of their own. Whoever waits for them does so for a moment only; what
has not come by then is estimated on straight lines, and the tables that come later serve the next who asks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
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
# After a failure, so that a queue of questions does not run into the same wall one by one.
PAUSE_S = 5.0
# Of a table from one place to many, and of one that answers pairs by the way.
MOST_PLACES = 250
PAIRS = 25


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
        self._cache = cache or TravelCache()
        self._patience_s = patience_s
        self._now_s = now_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[Leg, asyncio.Task[None]] = {}
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
        waited_for = self._ask_for([leg for leg in legs if self.offered(leg) is None])
        if waited_for and not self._is_silent:
            answers = self._answers
            _, late = await asyncio.wait(waited_for, timeout=self._patience_s)
            self._is_silent = bool(late) and self._answers == answers
        figures = {}
        for leg in legs:
            figure = self.offered(leg)
            if figure is None:
                figure = self._stand_in(leg, "late" if leg in self._under_way else "crowded")
            figures[leg] = figure
        return figures

    def _ask_for(self, legs: list[Leg]) -> set[asyncio.Task[None]]:
        """The tasks that will have answered all of these for which there is room."""
        new = [leg for leg in legs if leg not in self._under_way]
        new = new[: max(0, MOST_UNDER_WAY - len(self._under_way))]
        if new:
            task = asyncio.get_running_loop().create_task(self._ask(new), name="travel")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._under_way |= dict.fromkeys(new, task)
        return {self._under_way[leg] for leg in legs if leg in self._under_way}

    async def _ask(self, legs: list[Leg]) -> None:
        left = dict.fromkeys(legs)
        try:
            for table in tables_for(legs):
                async with self._turns:
                    if self._now_s() < self._pause_until_s:
                        break
                    version = self._version()
                    rows = await self._roads.travel_s(table.origins, table.destinations)
                self._take(table, rows, version)
                for leg in table.legs:
                    del left[leg]
                    self._under_way.pop(leg, None)
        except RoadsUnavailable as error:
            self._failed(str(error))
        except Exception:
            log.exception("the road engine failed")
            self._failed("see above")
        finally:
            for leg in left:
                self._under_way.pop(leg, None)
        for leg in left:
            self._stand_in(leg, "unavailable")

    def _take(self, table: Table, rows: list[list[float | None]], version: int) -> None:
        now_s = self._now_s()
        row_of = dict(zip(table.origins, rows, strict=True))
        column_of = {place: number for number, place in enumerate(table.destinations)}
        for leg in table.legs:
            seconds = row_of[place_of(leg[0])][column_of[place_of(leg[1])]]
            self.outcomes["no_way" if seconds is None else "roads"] += 1
            figure = straight_figure(leg) if seconds is None else Figure(ceil(seconds), False)
            self._cache.put(leg, figure, version=version, now_s=now_s)
        self._answers += 1
        self._is_silent = False
        if self._told_failure:
            self._told_failure = False
            log.info("travel between visits is reckoned on roads again")

    def _failed(self, reason: str) -> None:
        self._pause_until_s = self._now_s() + PAUSE_S
        if not self._told_failure:
            self._told_failure = True
            log.warning("travel between visits is estimated on straight lines for now: %s", reason)

    def _stand_in(self, leg: Leg, reason: str) -> Figure:
        self.outcomes[reason] += 1
        return self._cache.stand_in(leg, version=self._version(), now_s=self._now_s())

    def _version(self) -> int:
        """Of what our own road graph reckons with; a road server tells of none."""
        own = own_roads(self._roads)
        return 0 if own is None else own.graph.version


def tables_for(legs: Collection[Leg]) -> Iterator[Table]:
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
    yield from _batches([leg for leg in legs if leg not in taken], PAIRS)


def _batches(legs: list[Leg], size: int) -> Iterator[Table]:
    waiting = iter(legs)
    while part := list(islice(waiting, size)):
        origins = dict.fromkeys(place_of(leg[0]) for leg in part)
        destinations = dict.fromkeys(place_of(leg[1]) for leg in part)
        yield Table(list(origins), list(destinations), part)
