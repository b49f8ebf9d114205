"""Road engines: the port, its engine-less default, and (beside it) what reads OpenStreetMap extracts.

An engine is asked once per trip, away from the hot path: for the way from here to there, along which progress is
then projected fix by fix (``tracker.route``), or for the whole destination, which knows the way from everywhere
(``tracker.roads.destination``). ``EmbeddedRoads`` (``tracker.roads.embedded``) gives both from one file. ``OsrmRoads``
and ``ValhallaRoads`` (``tracker.roads.osrm_http``, ``valhalla_http``) ask a server that the operator runs; they know
only routes, and ``FallbackRoads`` (``tracker.roads.fallback``) stands before them. ``NoRoads`` answers "no way known",
and the trip falls back to the straight line of ``tracker.roads.straight``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tracker.geo import distance_m
from tracker.roads.destination import Destination
from tracker.roads.straight import straight_left_s
from tracker.route import Route


class RoadEngine(Protocol):
    """Where ways come from."""

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        """The way to drive, or None when no road is near either end."""
        ...

    async def destination(
        self, *, lat: float, lon: float, from_lat: float | None = None, from_lon: float | None = None
    ) -> Destination | None:
        """What every fix of a trip can be looked up in; None when no road is near, or the engine knows only routes."""
        ...

    async def travel_s(
        self, origins: Sequence[tuple[float, float]], destinations: Sequence[tuple[float, float]] | None = None
    ) -> list[list[float | None]]:
        """Driving seconds from each (lat, lon) to each of ``destinations``, or of the origins again.

        A row for each origin; None where no way is known, 0 from a place to itself.
        """
        ...

    async def close(self) -> None: ...


class NoRoads:
    """No map: every trip is estimated on the straight line."""

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        return None

    async def destination(
        self, *, lat: float, lon: float, from_lat: float | None = None, from_lon: float | None = None
    ) -> Destination | None:
        return None

    async def travel_s(
        self, origins: Sequence[tuple[float, float]], destinations: Sequence[tuple[float, float]] | None = None
    ) -> list[list[float | None]]:
        """On straight lines."""
        ends = origins if destinations is None else destinations
        return [
            [straight_left_s(distance_m(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon)) for to_lat, to_lon in ends]
            for lat, lon in origins
        ]

    async def close(self) -> None:
        pass
