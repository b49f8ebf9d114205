"""Writes a made-up city as an OpenStreetMap extract (.osm.pbf): whatever reads extracts can serve it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import osmium
from osmium.osm.mutable import Node, Way

from simulations.cities import City
from simulations.landscape import XY


def write_city(city: City, path: Path) -> None:
    """Write ``city`` to ``path``; a file already there is replaced once the new one is complete."""
    partial = path.with_name(f".{os.getpid()}-{path.name}")  # the name's end tells osmium the format
    header = osmium.io.Header()
    reach_m = city.river.reach_m
    (south, west), (north, east) = city.plane.lat_lon(-reach_m, -reach_m), city.plane.lat_lon(reach_m, reach_m)
    header.add_box(osmium.osm.Box(west, south, east, north))
    writer = osmium.SimpleWriter(str(partial), header=header, overwrite=True)
    try:
        _Extract(city, writer).write()
    finally:
        writer.close()
    partial.replace(path)


class _Extract:
    """Nodes come before ways in a sorted extract, so areas hand out their corner ids first."""

    def __init__(self, city: City, writer: osmium.SimpleWriter) -> None:
        self.city = city
        self.writer = writer
        self.last_node = 0
        self.last_way = 0

    def write(self) -> None:
        city = self.city
        street_ids = [
            self._node(point, {"highway": "traffic_signals"} if node in city.signals else {})
            for node, point in enumerate(city.nodes)
        ]
        river_line = [self._node(point) for point in city.river.middle()]
        areas: list[tuple[list[int], dict[str, str]]] = [
            (self._ring(city.river.outline()), {"natural": "water", "water": "river"})
        ]
        areas += [(self._ring(p.outline()), {"leisure": "park", "name": p.name}) for p in city.parks]
        areas += [(self._ring(ring), {"building": "yes"}) for ring in city.buildings]
        self._node((0.0, 0.0), {"place": "town", "name": city.name})

        for street in city.streets:
            tags = {
                "highway": street.kind,
                "name": street.name,
                "maxspeed": str(round(street.limit_mps * 3.6)),
            }
            if street.oneway:
                tags["oneway"] = "yes"
            if street.bridge:
                tags |= {"bridge": "yes", "layer": "1"}
            self._way([street_ids[node] for node in street.nodes], tags)
        self._way(river_line, {"waterway": "river", "name": "Rio Alvar"})
        for ring, tags in areas:
            self._way(ring, tags)

    def _node(self, point: XY, tags: dict[str, str] | None = None) -> int:
        self.last_node += 1
        lat, lon = self.city.plane.lat_lon(*point)
        self.writer.add_node(Node(id=self.last_node, version=1, location=(lon, lat), tags=tags or {}))
        return self.last_node

    def _ring(self, ring: Sequence[XY]) -> list[int]:
        corners = [self._node(point) for point in ring[:-1]]
        return [*corners, corners[0]]

    def _way(self, nodes: Sequence[int], tags: dict[str, str]) -> None:
        self.last_way += 1
        self.writer.add_way(Way(id=self.last_way, version=1, nodes=list(nodes), tags=tags))
