"""Sources of travel times for tests: a made-up town whose streets are known to nobody beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

from slots.travel import UNKNOWN_TRAVEL_S, Point
from slots.travel_table import Figure, Leg


class Streets:
    """A `TravelTime` that is asked for every leg, one by one: what a table must agree with."""

    def __init__(self, seconds_of: Callable[[Leg], int]) -> None:
        self._seconds_of = seconds_of
        self.asked: set[Leg] = set()

    def seconds(self, origin: Point | None, destination: Point | None) -> int:
        if origin is None or destination is None:
            return UNKNOWN_TRAVEL_S
        if origin == destination:
            return 0
        self.asked.add((origin, destination))
        return self._seconds_of((origin, destination))


class FetchedTravel:
    """A `TravelSource` with nothing at hand but what was fetched; `fetches` are the legs of each time,
    `prepared` those that were to be had later.

    `gate` holds up who fetches, and `asked` tells of it; with `remembers` False nothing stays at hand.
    """

    def __init__(self, seconds_of: Callable[[Leg], int]) -> None:
        self.seconds_of = seconds_of
        self.fetches: list[set[Leg]] = []
        self.prepared: set[Leg] = set()
        self.figures: dict[Leg, Figure] = {}
        self.remembers = True
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def offered(self, leg: Leg) -> Figure | None:
        return self.figures.get(leg)

    def accepted(self, leg: Leg) -> Figure | None:
        return self.figures.get(leg)

    async def fetch(self, legs: Collection[Leg]) -> Mapping[Leg, Figure]:
        self.fetches.append(set(legs))
        self.asked.set()
        await self.gate.wait()
        fetched = {leg: Figure(self.seconds_of(leg), False) for leg in legs}
        if self.remembers:
            self.figures |= fetched
        return fetched

    def prepare(self, legs: Collection[Leg]) -> None:
        self.prepared |= set(legs)
