"""Travel times that are remembered, and for how long. Takes `now_s`, waits for nothing.

A figure is offered while it is fresh, and accepted at a booking for some minutes longer. Where another took its place
meanwhile, the lesser of the two is accepted: whoever was offered a slot must not lose it because a time was reckoned
anew, or by other means.
"""

from __future__ import annotations

from functools import lru_cache
from math import degrees
from typing import NamedTuple

from slots.travel import Point
from slots.travel_table import Figure, Leg, straight_figure

# About 40 MB; a question of a company with two hundred technicians over two weeks has some thousand legs.
MOST_LEGS = 100_000
# Traffic of the hour is not in these times; new roads and a newly learned pace come as another version or by night.
FRESH_S = 6 * 3600.0
# How soon a road engine that gave no answer is asked for this leg again.
STAND_IN_S = 60.0
# From looking at the offer to the booking: a hold of five minutes, and time to choose.
ACCEPTED_S = 900.0
PLACE_DIGITS = 5  # of a degree: a metre

Place = tuple[float, float]
"""(lat, lon) in degrees, rounded."""


class Kept(NamedTuple):
    """`lesser_s` is accepted until `lesser_until_s`."""

    figure: Figure
    version: int
    fresh_until_s: float
    lesser_s: int
    lesser_until_s: float


class TravelCache:
    """By rounded places; the figures of an earlier version of the engine are no longer offered."""

    def __init__(self, *, most: int = MOST_LEGS) -> None:
        self._most = most
        self._kept: dict[tuple[Place, Place], Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def offered(self, leg: Leg, *, version: int, now_s: float) -> Figure | None:
        kept = self._kept.get(_key(leg))
        if kept is None or kept.version != version or kept.fresh_until_s <= now_s:
            return None
        return kept.figure

    def accepted(self, leg: Leg, *, now_s: float) -> Figure | None:
        kept = self._kept.get(_key(leg))
        if kept is None or kept.fresh_until_s + ACCEPTED_S <= now_s:
            return None
        if kept.lesser_until_s > now_s and kept.lesser_s < kept.figure.seconds:
            return Figure(kept.lesser_s, kept.figure.estimated)
        return kept.figure

    def put(self, leg: Leg, figure: Figure, *, version: int, now_s: float) -> None:
        """What the road engine said, or the straight line where it knows no way."""
        self._replace(leg, figure, version, now_s, FRESH_S)

    def stand_in(self, leg: Leg, *, version: int, now_s: float) -> Figure:
        """For an engine that gave no answer: what it said last, else the straight line; for a minute."""
        kept = self._kept.get(_key(leg))
        figure = straight_figure(leg) if kept is None or kept.figure.estimated else kept.figure
        self._replace(leg, figure, version, now_s, STAND_IN_S)
        return figure

    def _replace(self, leg: Leg, figure: Figure, version: int, now_s: float, fresh_s: float) -> None:
        key = _key(leg)
        before = self._kept.pop(key, None)
        lesser_s, lesser_until_s = figure.seconds, now_s
        if before is not None and before.fresh_until_s + ACCEPTED_S > now_s:
            lesser_s, lesser_until_s = before.figure.seconds, min(before.fresh_until_s, now_s) + ACCEPTED_S
            if before.lesser_until_s > now_s and before.lesser_s < lesser_s:
                # Kept for as long as the later of the two: a little too kind for minutes beats unkind.
                lesser_s = before.lesser_s
        self._kept[key] = Kept(figure, version, now_s + fresh_s, lesser_s, lesser_until_s)
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]


def _key(leg: Leg) -> tuple[Place, Place]:
    return place_of(leg[0]), place_of(leg[1])


@lru_cache(maxsize=50_000)
def place_of(point: Point) -> Place:
    return round(degrees(point.lat_rad), PLACE_DIGITS), round(degrees(point.lon_rad), PLACE_DIGITS)
