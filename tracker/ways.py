"""Ways for trips: the map of a destination and the line to it, taken up beside the hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from tracker.calibration import COLD, Calibration
from tracker.errors import RoadsUnavailable
from tracker.live import LiveTrip
from tracker.messages import RouteLine, encode
from tracker.roads import NoRoads, RoadEngine
from tracker.route import Route
from tracker.streams import Streams
from tracker.traffic import Traffic
from tracker.trip import Trip

ROUTE_EVERY_S = 10.0
"""The engine is asked no more often than this for a trip: for its destination's map, or for the way itself."""
LINE_EVERY_S: Final = 2.0
"""On a map that is here a new line costs some tenths of a millisecond; a customer sees no more of them."""


class Ways:
    """``ask`` is called from the hot path and never waits; ``spawn`` runs the question as a task that is kept.

    ``traffic`` is the pace of everybody under way, ``calibration`` what was learned from finished trips.
    """

    def __init__(
        self, roads: RoadEngine, *, streams: Streams, spawn: Callable[[Coroutine[Any, Any, None], str], None]
    ) -> None:
        self.roads = roads
        self.traffic = Traffic()
        self.calibration = COLD
        self._streams = streams
        self._spawn = spawn

    def use(self, calibration: Calibration) -> None:
        """For trips that set off from now on; the hours count at once."""
        self.calibration = calibration
        self.traffic.use_hours(calibration.hours)

    def ask(self, live: LiveTrip) -> None:
        """The trip wants a way. Where it may not have one yet, it goes on wanting."""
        motion = live.motion
        assert motion is not None
        if isinstance(self.roads, NoRoads):
            motion.wants_route = False
            return
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if live.asking:
            return
        if motion.guide is not None and now_s - live.lined_s >= LINE_EVERY_S:
            live.asking = True
            live.lined_s = now_s
            # Each in a turn of its own: a thousand lines at once would hold the loop.
            loop.call_soon(self._line_up, live, motion)
        elif motion.guide is None:
            self._ask_engine(live, now_s)

    def _ask_engine(self, live: LiveTrip, now_s: float) -> None:
        if now_s - live.routed_s >= ROUTE_EVERY_S:
            live.routed_s = now_s
            live.asking = True
            self._spawn(self._fetch(live), "route")

    def _line_up(self, live: LiveTrip, motion: Trip) -> None:
        if live.motion is not motion:
            return
        live.asking = False
        line = motion.line()
        if line is not None:
            self._take(live, motion, line, shown=live.shown)
        else:
            # Off every road, or further away than the map was made for.
            self._ask_engine(live, asyncio.get_running_loop().time())

    async def _fetch(self, live: LiveTrip) -> None:
        facts, technician, motion = live.facts, live.technician, live.motion
        if facts is None or technician is None or motion is None:
            return
        to_lat, to_lon = facts.destination_lat, facts.destination_lon
        if to_lat is None or to_lon is None:
            return
        track = technician.track
        lat, lon, shown = track.lat, track.lon, live.shown
        try:
            destination = await self.roads.destination(lat=to_lat, lon=to_lon, from_lat=lat, from_lon=lon)
            route = None
            if destination is None:
                route = await self.roads.route(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon)
        except RoadsUnavailable:
            # The engine says so in its own words, once. The trip is asked for again with a later fix.
            return
        finally:
            if live.motion is motion:
                live.asking = False
        if live.motion is not motion:
            return
        if destination is not None:
            if motion.guide is None or motion.guide.tree is not destination.tree:
                motion.take_destination(destination, traffic=self.traffic, calibration=self.calibration)
            route, shown = motion.line(), live.shown
        self._take(live, motion, route, shown=shown)

    def _take(self, live: LiveTrip, motion: Trip, route: Route | None, *, shown: bool) -> None:
        """``shown``: was the technician to be seen where the line begins? Else it is for our own estimate only."""
        again = live.line is not None
        motion.take_route(route)
        if route is not None:
            motion.wants_route = live.shown and not shown
            live.line = route if shown else None
            if shown and live.reveal(self._streams.now_ms()):
                live.seq += 1
                self._streams.publish(live, encode(RouteLine(seq=live.seq, polyline6=route.polyline6())), located=True)
        if motion.eta_changed:
            motion.eta_changed = False
            self._streams.tell_eta(live, self._streams.now_ms(), "re-routed" if again else None)
