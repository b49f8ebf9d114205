"""A part of a real map as a town: sites lie on its roads, ways come from the road engine that servers use."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from simulations.doors import Door, door_beside
from simulations.journeys import NoWayError, Way
from simulations.landscape import XY
from simulations.plane import METRES_PER_DEGREE, Plane
from simulations.towns import Place
from tracker.roads.build import build_roads
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.extract import ExtractError
from tracker.roads.graph import E7, RoadGraph
from tracker.roads.graph_file import RoadsFileError
from tracker.roads.speeds import SIGNAL_S
from tracker.roads.tree import Stretch

GRAPH_SUFFIX = ".graph"
HOMES_ON = frozenset({"secondary", "tertiary", "unclassified", "residential", "living_street"})
LEAST_ROADS = 10
"""In fewer there is nowhere to drive."""
SAME_POINT_M = 0.05


class MapError(Exception):
    """Nobody can drive on this map where the scenario wants it."""


class MapTown:
    """The roads of ``graph`` numbered in ``edges``, one edge of each; all of them can be reached from each other."""

    def __init__(self, roads: EmbeddedRoads, edges: Sequence[int], *, name: str, time_zone: str) -> None:
        graph = roads.graph
        self._roads = roads
        self._name = name
        self._quiet = [edge for edge in edges if graph.road_class(edge) in HOMES_ON] or list(edges)
        self.time_zone = time_zone
        self.places = tuple(Place(*graph.midpoint(edge)) for edge in edges)

    def doors(self, random: Random) -> Iterator[Door]:
        """Along the streets where people live, if the map has any. The graph knows no names of streets."""
        graph = self._roads.graph
        while True:
            edge = random.choice(self._quiet)
            lat, lon = graph.place(edge, random.uniform(0.0, graph.edge_length_m[edge]))
            street = f"Street {graph.edge_segment[edge] >> 1}"
            yield door_beside(random, Plane(lat=lat, lon=lon), (0.0, 0.0), street=street, town=self._name)

    async def way(self, start: Place, end: Place) -> Way:
        destination = await self._roads.destination(lat=end.lat, lon=end.lon, from_lat=start.lat, from_lon=start.lon)
        at = None if destination is None else destination.snap(lat=start.lat, lon=start.lon)
        stretches = [] if destination is None or at is None else destination.tree.stretches(destination.graph, at)
        if not stretches:
            raise NoWayError(start, end)
        return _way(self._roads.graph, stretches, Plane(lat=start.lat, lon=start.lon))


@asynccontextmanager
async def map_town(
    source: Path, *, time_zone: str, radius_m: float, centre: Place | None = None
) -> AsyncIterator[MapTown]:
    """The town of the roads within ``radius_m`` of ``centre``, which is the middle of the map unless given.

    ``source`` is an OpenStreetMap extract, or a road graph that was built of one (``.graph``). Raises MapError.
    """
    with TemporaryDirectory(prefix="enroute-simulated-roads-") as folder:
        graph_file = source
        try:
            if source.suffix != GRAPH_SUFFIX:
                graph_file = Path(folder) / "roads.graph"
                await asyncio.to_thread(build_roads, source, graph_file)
            roads = EmbeddedRoads(graph_file)
        except (ExtractError, RoadsFileError) as error:
            raise MapError(str(error)) from error
        try:
            centre = centre or _middle(roads.graph)
            edges = await _edges_near(roads, centre, radius_m)
            if len(edges) < LEAST_ROADS:
                raise MapError(
                    f"{source} has {len(edges) or 'no'} roads to drive on within {radius_m:.0f} m of"
                    f" {centre.lat:.5f}, {centre.lon:.5f}; choose another place in it, or a wider radius."
                )
            name = source.name.partition(".")[0].capitalize()
            yield MapTown(roads, edges, name=name, time_zone=time_zone)
        finally:
            await roads.close()


def _middle(graph: RoadGraph) -> Place:
    """Of all roads, on one of them: half of the points lie on each side of it."""
    lats, lons = np.asarray(graph.point_lat) / E7, np.asarray(graph.point_lon) / E7
    lat, lon = float(np.median(lats)), float(np.median(lons))
    nearest = int(np.argmin((lats - lat) ** 2 + ((lons - lon) * math.cos(math.radians(lat))) ** 2))
    return Place(float(lats[nearest]), float(lons[nearest]))


async def _edges_near(roads: EmbeddedRoads, centre: Place, radius_m: float) -> list[int]:
    """One edge of each road with its middle in the circle that is open to all and leads to the centre."""
    graph = roads.graph
    destination = await roads.destination(lat=centre.lat, lon=centre.lon)
    if destination is None:
        return []
    starts = np.asarray(graph.segment_point)
    middles = (starts[:-1] + starts[1:]) // 2
    north_m = (np.asarray(graph.point_lat)[middles] / E7 - centre.lat) * METRES_PER_DEGREE
    east_m = (np.asarray(graph.point_lon)[middles] / E7 - centre.lon) * METRES_PER_DEGREE
    east_m *= math.cos(math.radians(centre.lat))
    edges = []
    for segment in np.flatnonzero(np.hypot(north_m, east_m) <= radius_m).tolist():
        forward = graph.segment_forward[segment]
        edge = forward if forward >= 0 else graph.segment_backward[segment]
        reached = destination.tree.left_on(graph, edge, 0.0, graph.edge_length_m[edge]) is not None
        if reached and not graph.segment_private[segment]:
            edges.append(edge)
    return edges


def _way(graph: RoadGraph, stretches: Sequence[Stretch], plane: Plane) -> Way:
    """The seconds of an edge hold those at its lights; the drive waits there itself. A red one stands at its end."""
    points: list[XY] = []
    limits_mps: list[float] = []
    signals = set()
    for number, (edge, from_m, to_m) in enumerate(stretches):
        lights = graph.edge_signals[edge]
        length_m = graph.edge_length_m[edge]
        limit_mps = length_m / (graph.edge_free_s[edge] - SIGNAL_S * lights)
        bends = [(lat, lon) for lat, lon, along_m in graph.line(edge) if from_m < along_m < to_m]
        for lat, lon in (graph.place(edge, from_m), *bends, graph.place(edge, to_m)):
            point = plane.xy(lat=lat, lon=lon)
            if not points:
                points.append(point)
            elif math.dist(points[-1], point) > SAME_POINT_M:
                points.append(point)
                limits_mps.append(limit_mps)
        if lights and number < len(stretches) - 1:
            signals.add(len(points) - 1)
    return Way(plane, tuple(points), tuple(limits_mps), frozenset(signals))
