"""Recorded trips through exactly the code that serves customers, one after the other, as fast as it goes."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from tracker.calibration import COLD, Calibration
from tracker.filters import TrackFilter
from tracker.messages import Fix
from tracker.recordings import RADIUS_M
from tracker.roads.destination import Destination
from tracker.roads.driving import driven_seconds
from tracker.roads.graph import RoadGraph
from tracker.roads.straight import straight_left_s
from tracker.roads.trees import TreeMaker
from tracker.traffic import Traffic
from tracker.trip import Trip

UNKNOWN = "unknown"
"""The reason while no position could be believed."""


class Told(NamedTuple):
    """What a customer would read at a moment: seconds from it, ``low_s <= eta_s <= high_s``; ``reason`` as told."""

    eta_s: float
    low_s: float
    high_s: float
    reason: str


class Rehearsal:
    """A road engine, the traffic and one trip under way. Learned seconds are put into ``graph``."""

    def __init__(self, graph: RoadGraph, calibration: Calibration = COLD, *, radius_m: float = RADIUS_M) -> None:
        self._graph = graph
        self._calibration = calibration
        self._radius_m = radius_m
        graph.replace_seconds(driven_seconds(graph, calibration).tobytes())
        self._maker = TreeMaker(graph)
        self.traffic = Traffic(calibration.hours)
        self._trip: Trip | None = None

    def start(self, *, lat: float, lon: float) -> None:
        """A technician of whom nothing is known sets off to a place."""
        trip = Trip(track=TrackFilter(), lat=lat, lon=lon, arrival_radius_m=self._radius_m)
        tree = self._maker.tree(lat=lat, lon=lon)
        if tree is not None:
            trip.take_destination(Destination(self._graph, tree), traffic=self.traffic, calibration=self._calibration)
        self._trip = trip

    @property
    def trip(self) -> Trip:
        if self._trip is None:
            raise ValueError("no trip was started")
        return self._trip

    def receive(self, fix: Fix) -> None:
        """The hot path and nothing else."""
        trip = self.trip
        fixed_at = fix.fixed_at
        newest = trip.track.fixed_at
        trip.receive(fix, fixed_at if fixed_at > newest else newest)

    def line_up(self) -> None:
        """Between two fixes: the line of the way, as a server hands it to the map and the trip."""
        trip = self.trip
        if trip.wants_route:
            trip.take_route(trip.line())

    def told(self, at_ms: int) -> Told:
        """What is told at a moment, also to whoever sends nonsense or comes late."""
        trip = self.trip
        eta = trip.eta(0, max(at_ms, trip.track.fixed_at))
        if eta is None:
            return Told(0.0, 0.0, straight_left_s(self._radius_m), UNKNOWN)
        eta_s, low_s, high_s = (max((at - at_ms) / 1000.0, 0.0) for at in (eta.eta_at, eta.eta_low_at, eta.eta_high_at))
        if not isfinite(eta_s + high_s):
            raise AssertionError("an arrival that is no number")
        return Told(eta_s, low_s, high_s, eta.reason)
