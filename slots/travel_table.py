"""Travel times at hand for one question: what a search asks, what stood in for it, what is still to be found out. Pure.

A search is run over a table that may have gaps. A leg to or from the site that is not at hand costs nothing meanwhile,
so no start is lost for want of a figure, and is noted as missing; when nothing is missing, what the search found holds.
A leg between two others is what a technician drives if the visit is not made: it has a say in who comes, never in
whether somebody can, and each is between places of its own, so nobody waits for it: something stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from slots.travel import UNKNOWN_TRAVEL_S, Point, StraightTravel

Leg = tuple[Point, Point]


class Figure(NamedTuple):
    """Whole seconds, rounded up. `estimated`: the straight line stands in for a road engine that gave no answer."""

    seconds: int
    estimated: bool


class TravelTable:
    """A `TravelTime` for one question: a leg has one figure in it, however often it is asked for."""

    __slots__ = ("_at_hand", "_site", "_stand_in", "_unknown_s", "later", "missing", "unknown_places", "used")

    def __init__(
        self,
        at_hand: Callable[[Leg], Figure | None],
        *,
        site: Point | None,
        given: Mapping[Leg, Figure] | None = None,
        stand_in: Callable[[Leg], Figure | None] | None = None,
        unknown_s: int = UNKNOWN_TRAVEL_S,
    ) -> None:
        """`given` goes before `at_hand`. `later` are the legs apart from the site that were not at hand; `stand_in` may
        know something better for them than the straight line."""
        self._at_hand = at_hand
        self._site = site
        self._stand_in = stand_in
        self._unknown_s = unknown_s
        self.used: dict[Leg, Figure] = dict(given or {})
        self.missing: set[Leg] = set()
        self.later: set[Leg] = set()
        self.unknown_places = False

    def seconds(self, origin: Point | None, destination: Point | None) -> int:
        if origin is None or destination is None:
            self.unknown_places = True
            return self._unknown_s
        if origin == destination:
            return 0
        leg = (origin, destination)
        figure = self.used.get(leg)
        if figure is None:
            figure = self._at_hand(leg)
            if figure is None:
                if origin == self._site or destination == self._site:
                    self.missing.add(leg)
                    return 0
                self.later.add(leg)
                figure = (self._stand_in(leg) if self._stand_in is not None else None) or straight_figure(leg)
            self.used[leg] = figure
        return figure.seconds

    @property
    def estimated(self) -> int:
        """How many legs the straight line stands in for."""
        return sum(figure.estimated for figure in self.used.values())


_STRAIGHT = StraightTravel()


def straight(legs: Iterable[Leg]) -> dict[Leg, Figure]:
    """The straight line for each leg, marked as an estimate."""
    return {leg: straight_figure(leg) for leg in legs}


def straight_figure(leg: Leg) -> Figure:
    return Figure(_STRAIGHT.seconds(*leg), True)
