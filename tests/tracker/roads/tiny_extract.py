"""Writes OpenStreetMap extracts of a few streets, so that no test needs a map from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import osmium
from osmium.osm.mutable import Node, Relation, Way

# A made-up town by the sea at 41.0 N, 8.0 W: 0.01 degrees are about 1.1 km north and 0.84 km east.
TOWN_LAT, TOWN_LON = 41.0, -8.0


@dataclass
class TinyExtract:
    """Nodes by number as (lat, lon); ways as (node numbers, tags); numbers that no node has are missing ones."""

    nodes: dict[int, tuple[float, float]] = field(default_factory=dict)
    node_tags: dict[int, Mapping[str, str]] = field(default_factory=dict)
    ways: list[tuple[Sequence[int], Mapping[str, str]]] = field(default_factory=list)
    relations: list[tuple[Sequence[tuple[int, str]], Mapping[str, str]]] = field(default_factory=list)
    restrictions: list[tuple[int, int, int, Mapping[str, str]]] = field(default_factory=list)
    """(number of the way from, of the node over, of the way to, tags)."""
    way_restrictions: list[tuple[int, Sequence[int], int, Mapping[str, str]]] = field(default_factory=list)
    """The same over ways."""
    box: tuple[float, float, float, float] | None = None

    def node(self, *, north: float, east: float, **tags: str) -> int:
        """A node so many hundredths of a degree from the town's south-west corner; returns its number."""
        number = len(self.nodes) + 1
        self.nodes[number] = (TOWN_LAT + north / 100, TOWN_LON + east / 100)
        self.node_tags[number] = tags
        return number

    def way(self, *points: tuple[float, float], **tags: str) -> int:
        """A way through new nodes at (north, east), closed if the last point is the first; its number."""
        numbers = {at: self.node(north=at[0], east=at[1]) for at in dict.fromkeys(points)}
        self.ways.append(([numbers[at] for at in points], tags))
        return len(self.ways)

    def link(self, *nodes: int, **tags: str) -> int:
        """A way through nodes that are there already; its number."""
        self.ways.append((nodes, tags))
        return len(self.ways)

    def write(self, path: Path) -> Path:
        header = osmium.io.Header()
        if self.box:
            west, south, east, north = self.box
            header.add_box(osmium.osm.Box(west, south, east, north))
        writer = osmium.SimpleWriter(str(path), header=header)
        for number, (lat, lon) in self.nodes.items():
            writer.add_node(Node(id=number, location=(lon, lat), tags=self.node_tags.get(number, {})))
        for number, (refs, tags) in enumerate(self.ways, start=1):
            writer.add_way(Way(id=number, nodes=list(refs), tags=dict(tags)))
        relations = [([("w", way, role) for way, role in members], dict(tags)) for members, tags in self.relations]
        for start, via, end, tags in self.restrictions:
            members = [("w", start, "from"), ("n", via, "via"), ("w", end, "to")]
            relations.append((members, {"type": "restriction", **tags}))
        for start, vias, end, tags in self.way_restrictions:
            members = [("w", start, "from"), *(("w", via, "via") for via in vias), ("w", end, "to")]
            relations.append((members, {"type": "restriction", **tags}))
        for number, (members, tags) in enumerate(relations, start=1):
            writer.add_relation(Relation(id=number, members=members, tags=tags))
        writer.close()
        return path


def square(*, north: float, east: float, side: float) -> list[tuple[float, float]]:
    """Corners of a closed square from its south-west corner, in hundredths of a degree."""
    return [
        (north, east),
        (north, east + side),
        (north + side, east + side),
        (north + side, east),
        (north, east),
    ]


def small_town() -> TinyExtract:
    """A motorway, a named street in two pieces, a path, a lake with an island, a wood, a house, a river, a place."""
    town = TinyExtract()
    town.way((0.0, 0.0), (0.0, 4.0), highway="motorway", name="A 1", oneway="yes")
    town.way((1.0, 0.5), (1.0, 1.0), highway="residential", name="Rua das Flores", maxspeed="30")
    # The second piece begins at the node where the first ends.
    far_end = town.node(north=1.0, east=1.5)
    town.ways.append(([town.ways[-1][0][-1], far_end], {"highway": "residential", "name": "Rua das Flores"}))
    town.way((1.2, 0.5), (1.2, 1.0), highway="footway")
    shore = town.way(*square(north=2.0, east=2.0, side=1.0))
    island = town.way(*square(north=2.4, east=2.4, side=0.2))
    town.relations.append(([(shore, "outer"), (island, "inner")], {"type": "multipolygon", "natural": "water"}))
    town.way(*square(north=2.0, east=0.2, side=1.0), landuse="forest")
    town.way(*square(north=1.05, east=0.7, side=0.02), building="yes")
    town.way((3.5, 0.0), (3.5, 4.0), waterway="river", name="Rio")
    town.node(north=1.0, east=1.0, place="town", name="Vila Nova")
    return town
