"""Ways for trips: asked of the road engine beside the hot path, taken up when the answer comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tracker.live import LiveTrip
from tracker.messages import RouteLine, encode
from tracker.roads import NoRoads, RoadEngine
from tracker.streams import Streams

ROUTE_EVERY_S = 10.0
"""A technician who leaves the line again and again is not routed more often than this."""


class Ways:
    """``ask`` is called from the hot path and never waits; ``spawn`` runs the question as a task that is kept."""

    def __init__(
        self, roads: RoadEngine, *, streams: Streams, spawn: Callable[[Coroutine[Any, Any, None], str], None]
    ) -> None:
        self.roads = roads
        self._streams = streams
        self._spawn = spawn

    def ask(self, live: LiveTrip) -> None:
        motion = live.motion
        assert motion is not None
        motion.wants_route = False
        if isinstance(self.roads, NoRoads):
            return
        loop = asyncio.get_running_loop()
        if loop.time() - live.routed_s < ROUTE_EVERY_S:
            motion.wants_route = True
            return
        live.routed_s = loop.time()
        self._spawn(self._fetch(live), "route")

    async def _fetch(self, live: LiveTrip) -> None:
        facts, technician, motion = live.facts, live.technician, live.motion
        if facts is None or technician is None or motion is None:
            return
        if facts.destination_lat is None or facts.destination_lon is None:
            return
        track = technician.track
        shown = live.shown
        try:
            route = await self.roads.route(
                lat=track.lat, lon=track.lon, to_lat=facts.destination_lat, to_lon=facts.destination_lon
            )
        except Exception:
            # Asked again with a later fix: an engine that was away comes back.
            motion.wants_route = True
            raise
        if live.motion is not motion:
            return
        motion.take_route(route)
        if route is None:
            return
        # A line that begins where the technician was not to be seen is for our own estimate only.
        motion.wants_route = live.shown and not shown
        live.route = route.polyline6() if shown else None
        if live.route is not None and live.reveal(self._streams.now_ms()):
            live.seq += 1
            self._streams.publish(live, encode(RouteLine(seq=live.seq, polyline6=live.route)), located=True)
        if motion.eta_changed:
            motion.eta_changed = False
            self._streams.tell_eta(live, self._streams.now_ms(), "re-routed")
