"""Where a trip goes, as the hot path sees it: each fix is snapped and looked up in the destination's tree. [pure]"""

from __future__ import annotations

from dataclasses import dataclass

from tracker.roads.graph import RoadGraph
from tracker.roads.snap import NO_EDGE, Snap, snap
from tracker.roads.tree import Left, Tree
from tracker.route import Route


@dataclass(slots=True, frozen=True)
class Destination:
    """The tree of one destination with its graph. May be shared by trips; holds no state of any."""

    graph: RoadGraph
    tree: Tree

    def snap(self, *, lat: float, lon: float, heading_deg: float | None = None, previous: int = NO_EDGE) -> Snap | None:
        """The place on the road, None off every road; see ``tracker.roads.snap``."""
        return snap(self.graph, lat=lat, lon=lon, heading_deg=heading_deg, previous=previous)

    def left(self, at: Snap) -> Left | None:
        """Seconds and metres left from there, None when no way is known."""
        return self.tree.left(self.graph, at)

    def route(self, at: Snap) -> Route | None:
        """The line from there to the destination, None when no way is known. Some hundred microseconds."""
        return self.tree.route(self.graph, at)
