"""Road engines: the port, its engine-less default, and (beside it) what reads OpenStreetMap extracts.

An engine answers one question per trip, away from the hot path: the way from here to there. Progress along
that way is then projected fix by fix (``tracker.route``). ``NoRoads`` answers "no way known", and the trip
falls back to the straight line of ``tracker.roads.straight``.
"""

from __future__ import annotations

from typing import Protocol

from tracker.route import Route


class RoadEngine(Protocol):
    """Where ways come from."""

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        """The way to drive, or None when no road is near either end."""
        ...


class NoRoads:
    """No map: every trip is estimated on the straight line."""

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        return None
