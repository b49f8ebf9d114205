"""OSRM's HTTP protocol: targets out, answers in. [pure]

https://project-osrm.org/docs/v26.4.0/http ; checked against osrm-routed 26.10 as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from msgspec import Struct

from tracker.geo import distance_m
from tracker.roads.server_answers import NEAR_M, LatLon, Seconds, garbage, line_of, read, refusal, route_of, spread
from tracker.route import Route

NO_WAY = frozenset({"NoRoute", "NoSegment", "NoTable"})


class Annotation(Struct):
    duration: list[Seconds]


class Step(Struct):
    duration: Seconds
    geometry: str


class Leg(Struct):
    duration: Seconds
    annotation: Annotation
    steps: list[Step] = []


class Way(Struct):
    geometry: str
    legs: list[Leg]


class Waypoint(Struct):
    location: tuple[float, float]
    """(lon, lat) on the road."""


class Answer(Struct):
    code: str
    message: str = ""
    routes: list[Way] = []
    durations: list[list[Seconds | None]] = []
    sources: list[Waypoint] = []
    destinations: list[Waypoint] = []


def route_target(*, start: LatLon, end: LatLon) -> str:
    return (
        f"route/v1/driving/{_coordinates([start, end])}?overview=full&geometries=polyline6&annotations=duration"
        f"&alternatives=false&steps=true&generate_hints=false&radiuses={NEAR_M:.0f};{NEAR_M:.0f}"
    )


def route_from(status: int, body: bytes, *, start: LatLon, end: LatLon) -> Route | None:
    """None when there is no way. Raises RoadsUnavailable."""
    answer = _answer(status, body)
    if answer is None:
        return None
    if not answer.routes or len(answer.routes[0].legs) != 1:
        raise garbage("Ok, but no route of one leg")
    way = answer.routes[0]
    leg = way.legs[0]
    points = line_of(way.geometry)
    seconds = _with_turns(leg, points)
    return route_of(points, seconds, start=start, end=end)


def _with_turns(leg: Leg, points: Sequence[LatLon]) -> list[float]:
    """Seconds to each point.

    The durations of segments are without turns (a tenth of a drive in a city), those of steps are with them: each step
    is stretched to what it takes. Turns spread over the whole leg were 6 s off on average, and 80 s at worst.
    """
    took_s = leg.annotation.duration
    if len(points) != len(took_s) + 1:
        raise garbage(f"{len(points)} points and {len(took_s)} segments")
    ends = list(accumulate((max(len(line_of(step.geometry)) - 1, 0) for step in leg.steps), initial=0))
    if ends[-1] != len(took_s):
        return _stretched(took_s, points, leg.duration)
    seconds = [0.0]
    for (first, end), step in zip(pairwise(ends), leg.steps, strict=True):
        if first == end:
            seconds[-1] += step.duration
            continue
        part = _stretched(took_s[first:end], points[first : end + 1], step.duration)
        seconds += [seconds[-1] + s for s in part[1:]]
    return seconds


def _stretched(took_s: Sequence[float], points: Sequence[LatLon], total_s: float) -> list[float]:
    """Seconds to each point, ``total_s`` to the last."""
    seconds = list(accumulate(took_s, initial=0.0))
    if not seconds[-1]:
        return spread(points, total_s)
    return [s * total_s / seconds[-1] for s in seconds]


def table_target(origins: Sequence[LatLon], destinations: Sequence[LatLon]) -> str:
    """Any distance to a road goes: NoSegment for one place would be an answer for all. ``table_from`` looks at it."""
    count = len(origins) + len(destinations)
    return (
        f"table/v1/driving/{_coordinates([*origins, *destinations])}?annotations=duration&generate_hints=false"
        f"&radiuses={';'.join(['unlimited'] * count)}"
        f"&sources={_numbers(0, len(origins))}&destinations={_numbers(len(origins), count)}"
    )


def table_from(
    status: int, body: bytes, *, origins: Sequence[LatLon], destinations: Sequence[LatLon]
) -> list[list[float | None]]:
    """A row for each origin. Raises RoadsUnavailable."""
    answer = _answer(status, body)
    if answer is None:
        return [[None] * len(destinations) for _ in origins]
    if [len(row) for row in answer.durations] != [len(destinations)] * len(origins):
        raise garbage(f"a table of another size than {len(origins)} by {len(destinations)}")
    from_road = _on_roads(answer.sources, origins)
    to_road = _on_roads(answer.destinations, destinations)
    return [
        [took_s if near and there else None for took_s, there in zip(row, to_road, strict=True)]
        for row, near in zip(answer.durations, from_road, strict=True)
    ]


def _on_roads(waypoints: list[Waypoint], places: Sequence[LatLon]) -> list[bool]:
    if len(waypoints) != len(places):
        raise garbage(f"{len(waypoints)} waypoints for {len(places)} places")
    return [
        distance_m(lat=lat, lon=lon, to_lat=waypoint.location[1], to_lon=waypoint.location[0]) <= NEAR_M
        for waypoint, (lat, lon) in zip(waypoints, places, strict=True)
    ]


def _answer(status: int, body: bytes) -> Answer | None:
    if status not in (200, 400):
        raise refusal(status, body[:200].decode(errors="replace"))
    answer = read(body, Answer)
    if answer.code in NO_WAY:
        return None
    if status != 200 or answer.code != "Ok":
        raise refusal(status, f"{answer.code} {answer.message}")
    return answer


def _coordinates(places: Sequence[LatLon]) -> str:
    return ";".join(f"{lon:.6f},{lat:.6f}" for lat, lon in places)


def _numbers(first: int, end: int) -> str:
    return ";".join(map(str, range(first, end)))
