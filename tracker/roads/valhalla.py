"""Valhalla's HTTP protocol: requests out, answers in. [pure]

https://valhalla.github.io/valhalla/api/turn-by-turn/api-reference/ and …/api/matrix/api-reference/ ; checked against
valhalla_service 3.9 as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tracker.roads.server_answers import (
    NEAR_M,
    Index,
    LatLon,
    Seconds,
    garbage,
    line_of,
    read,
    refusal,
    route_of,
    spread,
)
from tracker.route import Route

NO_WAY = frozenset({154, 170, 171, 441, 442})
"""Too far, unconnected, no road near, unreachable, no path."""


class Maneuver(Struct):
    time: Seconds
    begin_shape_index: Index
    end_shape_index: Index


class Leg(Struct):
    maneuvers: list[Maneuver]
    shape: str


class Trip(Struct):
    legs: list[Leg]


class RouteAnswer(Struct):
    trip: Trip


class Concise(Struct):
    durations: list[list[Seconds | None]]


class Pair(Struct):
    time: Seconds | None


class MatrixAnswer(Struct):
    sources_to_targets: Concise | list[list[Pair]]
    """Older releases know no other form than the second."""


class Located(Struct):
    edges: list[msgspec.Raw] | None = None


class Refused(Struct):
    error_code: int
    error: str = ""


def route_request(*, start: LatLon, end: LatLon) -> bytes:
    return msgspec.json.encode(
        {
            "locations": [_location(start), _location(end)],
            "costing": "auto",
            "directions_type": "maneuvers",
            "shape_format": "polyline6",
            "units": "kilometers",
        }
    )


def route_from(status: int, body: bytes, *, start: LatLon, end: LatLon) -> Route | None:
    """None when there is no way. Raises RoadsUnavailable.

    The time of a maneuver is spread over its metres: in a city a second off the times of single edges on average, for
    which a second request (trace_attributes) would be needed.
    """
    if _no_way(status, body):
        return None
    legs = read(body, RouteAnswer).trip.legs
    if len(legs) != 1:
        raise garbage(f"{len(legs)} legs")
    points = line_of(legs[0].shape)
    seconds = [0.0]
    for maneuver in legs[0].maneuvers:
        begin, end_index = maneuver.begin_shape_index, maneuver.end_shape_index
        if begin != len(seconds) - 1 or not begin <= end_index < len(points):
            raise garbage(f"a maneuver from {begin} to {end_index} of {len(points)} points")
        if begin == end_index:
            seconds[-1] += maneuver.time
            continue
        so_far_s = seconds[-1]
        seconds += [so_far_s + s for s in spread(points[begin : end_index + 1], maneuver.time)[1:]]
    return route_of(points, seconds, start=start, end=end)


def locate_request(places: Sequence[LatLon]) -> bytes:
    return msgspec.json.encode(
        {"locations": [_location(place) for place in places], "costing": "auto", "verbose": False}
    )


def on_roads_from(status: int, body: bytes, *, places: int) -> list[bool]:
    """Which places have a road near. Raises RoadsUnavailable."""
    if _no_way(status, body):
        return [False] * places
    located = read(body, list[Located])
    if len(located) != places:
        raise garbage(f"{len(located)} locations for {places} places")
    return [bool(place.edges) for place in located]


def matrix_request(origins: Sequence[LatLon], destinations: Sequence[LatLon]) -> bytes:
    return msgspec.json.encode(
        {
            "sources": [_location(place) for place in origins],
            "targets": [_location(place) for place in destinations],
            "costing": "auto",
            "verbose": False,
        }
    )


def matrix_from(status: int, body: bytes, *, origins: int, destinations: int) -> list[list[float | None]] | None:
    """A row for each origin; None when one of the pairs is refused, and all others with it. Raises RoadsUnavailable."""
    if _no_way(status, body):
        return None
    matrix = read(body, MatrixAnswer).sources_to_targets
    rows: list[list[float | None]] = (
        matrix.durations if isinstance(matrix, Concise) else [[pair.time for pair in row] for row in matrix]
    )
    if [len(row) for row in rows] != [destinations] * origins:
        raise garbage(f"a matrix of another size than {origins} by {destinations}")
    return rows


def _no_way(status: int, body: bytes) -> bool:
    if status == 200:
        return False
    if status != 400:
        raise refusal(status, body[:200].decode(errors="replace"))
    refused = read(body, Refused)
    if refused.error_code in NO_WAY:
        return True
    raise refusal(status, f"{refused.error_code} {refused.error}")


def _location(place: LatLon) -> dict[str, float]:
    lat, lon = place
    return {"lat": round(lat, 6), "lon": round(lon, 6), "search_cutoff": NEAR_M}
