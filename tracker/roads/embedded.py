"""The embedded road engine: a road graph in this process for every fix, a worker beside it for every new visit."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from tracker.geo import distance_m
from tracker.roads.destination import Destination
from tracker.roads.graph import RoadGraph
from tracker.roads.graph_file import open_graph
from tracker.roads.server_answers import nothing_to_itself
from tracker.roads.tree import Goal, Tree
from tracker.roads.worker_link import WorkerLink
from tracker.roads.worker_messages import NoRoadThere, Times, TreeMade, WantTimes, WantTree
from tracker.route import Route

CACHE_BYTES = 64 << 20
"""Trees of visits that nobody drives to just now; those in use are held by their trips."""
RADII_M = (10e3, 15e3, 20e3, 30e3, 45e3, 70e3, 100e3, 150e3, 200e3)
"""A tree reaches the first that holds the whole trip: in steps, so that trips to one place share a tree. 200 km are the
last, for a tree counts 262 km of road."""
UNKNOWN_START_RADIUS_M = 30e3
DETOUR = 1.3
AROUND_M = 3000.0
"""Ways begin and end with a stretch in the wrong direction."""
SAME_PLACE_DIGITS = 5
"""Decimals of a degree: a metre."""

_Key = tuple[float, float, float, int]


class EmbeddedRoads:
    """A ``RoadEngine``. Owes ``close`` when it is not needed any more: the worker ends then.

    Raises RoadsFileError when the file cannot be used; the methods raise RoadsUnavailable when the worker died or is
    late.
    """

    def __init__(self, graph_file: Path, *, timeout_s: float = 30.0, cache_bytes: int = CACHE_BYTES) -> None:
        self.graph: RoadGraph = open_graph(graph_file)
        self.link = WorkerLink(graph_file, timeout_s=timeout_s)
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[_Key, Tree | None] = OrderedDict()
        self._kept_bytes = 0
        self._under_way: dict[_Key, asyncio.Task[Tree | None]] = {}

    async def close(self) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self.link.close()

    async def destination(
        self, *, lat: float, lon: float, from_lat: float | None = None, from_lon: float | None = None
    ) -> Destination | None:
        """What a trip to a place is looked up in; None when no road is near it.

        The tree reaches far enough for a trip from (``from_lat``, ``from_lon``), or 30 km. Where a fix finds nothing
        left although it is on a road, ask again from there: a wider tree comes, or the place cannot be reached.
        """
        radius_m = UNKNOWN_START_RADIUS_M
        if from_lat is not None and from_lon is not None:
            far_m = DETOUR * distance_m(lat=lat, lon=lon, to_lat=from_lat, to_lon=from_lon) + AROUND_M
            radius_m = next((radius_m for radius_m in RADII_M if radius_m >= far_m), RADII_M[-1])
        tree = await self._tree(radius_m, lat=lat, lon=lon)
        return None if tree is None else Destination(self.graph, tree)

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        """The way to drive, or None when no road is near either end or none leads there."""
        destination = await self.destination(lat=to_lat, lon=to_lon, from_lat=lat, from_lon=lon)
        if destination is None:
            return None
        at = destination.snap(lat=lat, lon=lon)
        return None if at is None else destination.route(at)

    async def travel_s(
        self, origins: Sequence[tuple[float, float]], destinations: Sequence[tuple[float, float]] | None = None
    ) -> list[list[float | None]]:
        """A destination (or an origin, of those there are fewer) costs the worker about as much as a visit; new visits,
        and other tables, come in between."""
        ends = origins if destinations is None else destinations
        rows: list[list[float | None]] = []
        if len(origins) < len(ends):
            for origin in origins:
                rows += await self._times([origin], ends)
        else:
            rows = [[] for _ in origins]
            for end in ends:
                for row, one in zip(rows, await self._times(origins, [end]), strict=True):
                    row += one
        nothing_to_itself(rows, origins, ends)
        return rows

    async def _times(
        self, origins: Sequence[tuple[float, float]], ends: Sequence[tuple[float, float]]
    ) -> list[list[float | None]]:
        wanted = WantTimes(self.link.next_number(), list(origins), list(ends))
        return (await self.link.ask(wanted, Times)).seconds

    async def replace_seconds(self, edge_s: bytes | None) -> None:
        """Reckon with these float32 seconds per edge from now on, None with those of the empty road.

        Destinations made before keep their times. Raises ValueError when they are not one per edge.
        """
        self.graph.replace_seconds(self.graph.edge_free_s if edge_s is None else edge_s)
        self._kept.clear()
        self._kept_bytes = 0
        await self.link.use_seconds(edge_s)

    async def _tree(self, radius_m: float, *, lat: float, lon: float) -> Tree | None:
        key = (round(lat, SAME_PLACE_DIGITS), round(lon, SAME_PLACE_DIGITS), radius_m, self.graph.version)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._make(key, lat=lat, lon=lon), name="tree")
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        # One who gives up does not take the tree from the others.
        return await asyncio.shield(task)

    async def _make(self, key: _Key, *, lat: float, lon: float) -> Tree | None:
        edge_s, version = self.graph.edge_s, self.graph.version
        wanted = WantTree(self.link.next_number(), lat, lon, key[2])
        answer = await self.link.ask(wanted, TreeMade, NoRoadThere)
        tree = _tree_of(answer, edge_s, version) if isinstance(answer, TreeMade) else None
        if version == self.graph.version:
            self._keep(key, tree)
        return tree

    def _keep(self, key: _Key, tree: Tree | None) -> None:
        self._kept[key] = tree
        self._kept_bytes += _cost(tree)
        while self._kept_bytes > self._cache_bytes and self._kept:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _cost(oldest)


def _tree_of(made: TreeMade, edge_s: memoryview[float], version: int) -> Tree:
    return Tree(
        goals={edge: Goal(edge, along_m, extra_s) for edge, along_m, extra_s in made.goals},
        left_units=memoryview(made.left_units).cast("H"),
        left_units_m=memoryview(made.left_units_m).cast("H"),
        following=memoryview(made.following),
        shift=made.shift,
        edge_s=edge_s,
        version=version,
    )


def _cost(tree: Tree | None) -> int:
    return 1000 + (0 if tree is None else tree.size_bytes)
