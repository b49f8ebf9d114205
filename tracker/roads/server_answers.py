"""What is believed of a road server's answer, whichever server it is. [pure]

Everything else is RoadsUnavailable with a reason: an arrival time that rests on garbage is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from tracker.errors import RoadsUnavailable
from tracker.geo import distance_m
from tracker.roads.polyline import decode_polyline6
from tracker.route import Route

Seconds = Annotated[float, Meta(ge=0, le=1e6)]
"""Eleven days; JSON itself knows neither NaN nor infinity."""
Index = Annotated[int, Meta(ge=0)]
NEAR_M = 1000.0
"""Servers take the nearest road of their map, be it a hundred kilometres away. A visit further than this from every
road is as unknown to them as to the embedded engine."""
ENDS_SLACK_M = 50.0
BLOCK = 50
"""Origins and destinations of one table request, more of one where there are fewer of the other: 100 places are what
OSRM answers by default (--max-table-size), 2500 pairs what Valhalla does
(service_limits.auto.max_matrix_location_pairs)."""

LatLon = tuple[float, float]
A = TypeVar("A")


def garbage(detail: str) -> RoadsUnavailable:
    return RoadsUnavailable(f"an answer that makes no sense: {detail}", reason="garbage")


def read(body: bytes, kind: type[A]) -> A:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise garbage(str(error)) from None


def refusal(status: int, said: str) -> RoadsUnavailable:
    """For an answer that is neither a route nor the word that there is none."""
    return RoadsUnavailable(f"HTTP {status} {said[:200]}".rstrip(), reason="broken" if status >= 500 else "refused")


def line_of(polyline6: str) -> list[LatLon]:
    try:
        return decode_polyline6(polyline6)
    except ValueError as error:
        raise garbage(str(error)) from None


def route_of(points: list[LatLon], seconds: Sequence[float], *, start: LatLon, end: LatLon) -> Route:
    """The route, when its line leads from ``start`` to ``end`` and its seconds never run backwards."""
    if len(points) != len(seconds) or not points:
        raise garbage(f"{len(points)} points and {len(seconds)} times")
    # NaN compares false with everything.
    if not seconds[0] >= 0.0 or not all(before <= after for before, after in pairwise(seconds)):
        raise garbage("times that run backwards")
    for name, asked, (lat, lon) in (("start", start, points[0]), ("end", end, points[-1])):
        if distance_m(lat=asked[0], lon=asked[1], to_lat=lat, to_lon=lon) > NEAR_M + ENDS_SLACK_M:
            raise garbage(f"a way with another {name}")
    if len(points) == 1:
        return Route(points * 2, seconds=[seconds[0]] * 2)
    return Route(points, seconds=seconds)


def spread(points: Sequence[LatLon], took_s: float) -> list[float]:
    """Seconds from the first point to each of the others, by metres."""
    metres = [0.0]
    for (lat, lon), (to_lat, to_lon) in pairwise(points):
        metres.append(metres[-1] + distance_m(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon))
    if not metres[-1]:
        return [*([0.0] * (len(points) - 1)), took_s]
    return [took_s * m / metres[-1] for m in metres]


def blocks(origins: int, destinations: int) -> Iterator[tuple[range, range]]:
    """Origins and destinations of each table request, as indices."""
    high = max(BLOCK, 2 * BLOCK - destinations)
    wide = max(BLOCK, 2 * BLOCK - origins)
    for origin in range(0, origins, high):
        for destination in range(0, destinations, wide):
            yield (
                range(origin, min(origin + high, origins)),
                range(destination, min(destination + wide, destinations)),
            )


def nothing_to_itself(
    rows: Sequence[list[float | None]], origins: Sequence[LatLon], destinations: Sequence[LatLon]
) -> None:
    """Write 0 wherever origin and destination are the same: off its map a server knows no way, even to where one is."""
    columns: dict[LatLon, list[int]] = {}
    for number, place in enumerate(destinations):
        columns.setdefault(place, []).append(number)
    for row, origin in zip(rows, origins, strict=True):
        for number in columns.get(origin, ()):
            row[number] = 0.0
