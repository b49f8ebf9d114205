"""Travel times that are remembered, and for how long. Takes `now_s`, waits for nothing.

A figure is offered while it is fresh, and accepted at a booking for some minutes longer. Where another took its place
meanwhile, the lesser of the two is accepted: whoever was offered a slot must not lose it because a time was reckoned
anew, or by other means.

What is asked for is a place and its neighbours, so figures are kept on sheets: the times from one place to many, or
from many to one. Reading may be done from other threads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import degrees

from slots.travel import Point
from slots.travel_table import Figure, Leg, straight_figure

# About 45 MB: a company with two hundred technicians was asked for two weeks from a hundred and forty places.
MOST_LEGS = 500_000
# Traffic of the hour is not in these times; new roads and a newly learned pace come as another version or by night.
FRESH_S = 6 * 3600.0
# How soon a road engine that gave no answer is asked for this leg again.
STAND_IN_S = 60.0
# From looking at the offer to the booking: a hold of five minutes, and time to choose.
ACCEPTED_S = 900.0
# Of its freshness, in which a sheet takes more figures on: they are asked again a little earlier than they need be.
OPEN_SHARE = 0.25
PLACE_DIGITS = 5  # of a degree: a metre

Place = tuple[float, float]
"""(lat, lon) in degrees, rounded."""


@dataclass(slots=True)
class Sheet:
    """Whole seconds by the place at the other end; `offered_until_s` is cut short by another version."""

    seconds: dict[Place, int]
    estimated: bool
    version: int
    fresh_s: float
    begun_s: float
    offered_until_s: float


class TravelCache:
    """By rounded places; the figures of an earlier version of the engine are no longer offered."""

    def __init__(self, *, most: int = MOST_LEGS) -> None:
        self._most = most
        self._count = 0
        self._version = 0
        # The sheets that begin, and that end, at each place; oldest first.
        self._outward: dict[Place, list[Sheet]] = {}
        self._inward: dict[Place, list[Sheet]] = {}
        # In the order in which they were last written on.
        self._written: dict[tuple[bool, Place], None] = {}

    def __len__(self) -> int:
        return self._count

    def offered(self, leg: Leg, *, version: int, now_s: float) -> Figure | None:
        # The innermost loop of a search: without a call more than it needs.
        start, end = place_of(leg[0]), place_of(leg[1])
        found = None
        for sheet in self._inward.get(end, ()):
            seconds = sheet.seconds.get(start)
            if seconds is not None and sheet.version == version and sheet.offered_until_s > now_s:
                if not sheet.estimated:
                    return Figure(seconds, False)
                found = Figure(seconds, True)
        for sheet in self._outward.get(start, ()):
            seconds = sheet.seconds.get(end)
            if seconds is not None and sheet.version == version and sheet.offered_until_s > now_s:
                if not sheet.estimated:
                    return Figure(seconds, False)
                found = Figure(seconds, True)
        return found

    def accepted(self, leg: Leg, *, now_s: float) -> Figure | None:
        found = [
            Figure(seconds, sheet.estimated)
            for sheet, seconds in self._all(leg)
            if sheet.offered_until_s + ACCEPTED_S > now_s
        ]
        return min(found, default=None)

    def put(self, figures: Mapping[Leg, Figure], *, version: int, now_s: float) -> None:
        """What the road engine said, or the straight line where it knows no way."""
        self._write(figures, version, now_s, FRESH_S)

    def stand_in(self, legs: Collection[Leg], *, version: int, now_s: float) -> dict[Leg, Figure]:
        """For an engine that gave no answer: what it said last, else the straight line; for a minute."""
        figures = {leg: self._said_last(leg) or straight_figure(leg) for leg in legs}
        self._write(figures, version, now_s, STAND_IN_S)
        return figures

    def _all(self, leg: Leg) -> Iterator[tuple[Sheet, int]]:
        """Every sheet that tells of the leg, and what it says."""
        start, end = place_of(leg[0]), place_of(leg[1])
        for sheets, other in ((self._inward.get(end, ()), start), (self._outward.get(start, ()), end)):
            for sheet in sheets:
                seconds = sheet.seconds.get(other)
                if seconds is not None:
                    yield sheet, seconds

    def _said_last(self, leg: Leg) -> Figure | None:
        said = [(sheet.begun_s, seconds) for sheet, seconds in self._all(leg) if not sheet.estimated]
        return Figure(max(said)[1], False) if said else None

    def _write(self, figures: Mapping[Leg, Figure], version: int, now_s: float, fresh_s: float) -> None:
        if version > self._version:
            self._version = version
            self._end_offers(now_s)
        if not figures:
            return
        legs = [(place_of(start), place_of(end)) for start, end in figures]
        outward = len({end for _, end in legs}) > 1
        sheets: dict[tuple[Place, bool], Sheet] = {}
        for (start, end), (seconds, estimated) in zip(legs, figures.values(), strict=True):
            place, other = (start, end) if outward else (end, start)
            sheet = sheets.get((place, estimated))
            if sheet is None:
                sheet = self._sheet(outward, place, estimated, version, now_s, fresh_s)
                sheets[place, estimated] = sheet
            self._count += other not in sheet.seconds
            sheet.seconds[other] = seconds
        while self._count > self._most and len(self._written) > 1:
            self._forget_oldest()

    def _sheet(self, outward: bool, place: Place, estimated: bool, version: int, now_s: float, fresh_s: float) -> Sheet:
        """The one to write on: the last such sheet while it is young."""
        side = self._outward if outward else self._inward
        sheets = side.get(place, [])
        for sheet in reversed(sheets):
            if (sheet.version, sheet.estimated, sheet.fresh_s) == (version, estimated, fresh_s):
                if now_s < sheet.begun_s + fresh_s * OPEN_SHARE:
                    return sheet
                break
        until_s = now_s + fresh_s if version == self._version else now_s
        new = Sheet({}, estimated, version, fresh_s, now_s, until_s)
        # What the engine said last is kept while it says nothing else.
        kept = [old for old in sheets if _counts(old, now_s) or (fresh_s < old.fresh_s and not old.estimated)]
        self._count -= sum(len(old.seconds) for old in sheets) - sum(len(old.seconds) for old in kept)
        # Another list, for somebody may be reading the old one.
        side[place] = [*kept, new]
        self._written.pop((outward, place), None)
        self._written[outward, place] = None
        return new

    def _end_offers(self, now_s: float) -> None:
        for side in (self._outward, self._inward):
            for sheets in side.values():
                for sheet in sheets:
                    sheet.offered_until_s = min(sheet.offered_until_s, now_s)

    def _forget_oldest(self) -> None:
        outward, place = next(iter(self._written))
        del self._written[outward, place]
        sheets = (self._outward if outward else self._inward).pop(place)
        self._count -= sum(len(sheet.seconds) for sheet in sheets)


def _counts(sheet: Sheet, now_s: float) -> bool:
    return sheet.offered_until_s + ACCEPTED_S > now_s


# Of a large company over two weeks; more would only be looked through by every collection of garbage.
@lru_cache(maxsize=16_000)
def place_of(point: Point) -> Place:
    return round(degrees(point.lat_rad), PLACE_DIGITS), round(degrees(point.lon_rad), PLACE_DIGITS)
