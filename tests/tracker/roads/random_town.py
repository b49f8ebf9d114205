"""A made-up town of blocks, and the shortest time through it found the plain way: the oracle for trees."""

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from math import atan2, cos, degrees, hypot, inf, radians
from pathlib import Path
from random import Random

from tests.tracker.roads.tiny_extract import TinyExtract
from tracker.geo import distance_m
from tracker.roads.build import build_graph
from tracker.roads.graph import RoadGraph
from tracker.roads.speeds import U_TURN_S, free_kmh, turn_s

Link = tuple[int, int]
"""A block between two neighbouring corners, driven from the first to the second."""

KINDS = ({"highway": "residential"}, {"highway": "secondary", "maxspeed": "50"}, {"highway": "residential"})


@dataclass
class RandomTown:
    """Crooked blocks; some are missing, some one-way, and some turns are forbidden. One way per block.

    With ``over_ways`` other turns are forbidden to those who came over certain blocks.
    """

    seed: int
    side: int = 7
    extract: TinyExtract = field(default_factory=TinyExtract)
    seconds: dict[Link, float] = field(default_factory=dict)
    kinds: dict[Link, tuple[str, bool]] = field(default_factory=dict)
    banned: set[tuple[Link, Link]] = field(default_factory=set)
    via: set[int] = field(default_factory=set)
    over_ways: int = 0
    no_ways: set[tuple[Link, ...]] = field(default_factory=set)
    only_ways: dict[tuple[Link, ...], Link] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = Random(self.seed)
        corner = {
            (row, column): self.extract.node(
                north=row * 0.12 + random.uniform(-0.04, 0.04), east=column * 0.15 + random.uniform(-0.05, 0.05)
            )
            for row in range(self.side)
            for column in range(self.side)
        }
        blocks = [
            (corner[a, b], corner[c, d])
            for a, b in corner
            for c, d in ((a + 1, b), (a, b + 1))
            if (c, d) in corner and random.random() > 0.15
        ]
        ways = {}
        for a, b in blocks:
            tags = dict(random.choice(KINDS))
            oneway = random.random() < 0.25
            if oneway:
                tags["oneway"] = "yes"
            ways[a, b] = ways[b, a] = self.extract.link(a, b, **tags)
            self._open(a, b, tags, oneway)
        self.onward: dict[int, list[Link]] = defaultdict(list)
        self.roads: dict[int, set[Link]] = defaultdict(set)
        for link in self.seconds:
            self.onward[link[0]].append(link)
            for end in link:
                self.roads[end].add((min(link), max(link)))
        self._forbid(random, ways)
        for _ in range(self.over_ways):
            self._forbid_over_ways(random, ways)

    def _open(self, a: int, b: int, tags: dict[str, str], oneway: bool) -> None:
        (lat, lon), (to_lat, to_lon) = self.extract.nodes[a], self.extract.nodes[b]
        limit = tags.get("maxspeed")
        kmh = free_kmh(tags["highway"], maxspeed_kmh=float(limit) if limit else None)
        seconds = distance_m(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon) / kmh * 3.6
        for link in ((a, b),) if oneway else ((a, b), (b, a)):
            self.seconds[link] = seconds
            self.kinds[link] = (tags["highway"], oneway)

    def _forbid(self, random: Random, ways: dict[Link, int]) -> None:
        turns = [(a, b) for a in self.seconds for b in self.onward[a[1]] if b[1] != a[0] and len(self.roads[a[1]]) > 2]
        for before, after in random.sample(turns, k=min(12, len(turns))):
            only = random.random() < 0.3
            rule = {"restriction": "only_straight_on" if only else "no_left_turn"}
            via = before[1]
            if via in self.via:
                continue  # two rules of one junction would have to be read together
            self.extract.restrictions.append((ways[before], via, ways[after], rule))
            self.via.add(via)
            if only:
                self.banned.update((before, other) for other in self.onward[via] if other != after)
            else:
                self.banned.add((before, after))

    def _forbid_over_ways(self, random: Random, ways: dict[Link, int]) -> None:
        """From a block over one to three others to a last one; never the same block twice."""
        driven = [random.choice(sorted(self.seconds))]
        for _ in range(random.randint(2, 4)):
            onward = [link for link in self.onward[driven[-1][1]] if ways[link] not in {ways[each] for each in driven}]
            if not onward:
                return
            driven.append(random.choice(onward))
        first, *over, last = driven
        if not over or (*driven[:-1],) in self.only_ways:
            return
        for a, b in over:
            self.via |= {a, b}
        over_ways = [ways[link] for link in over]
        random.shuffle(over_ways)
        only = random.random() < 0.4
        rule = {"restriction": "only_straight_on" if only else "no_u_turn"}
        self.extract.way_restrictions.append((ways[first], over_ways, ways[last], rule))
        if only:
            self.only_ways[(first, *over)] = last
        else:
            self.no_ways.add((first, *over, last))

    def forbids(self, driven: tuple[Link, ...], after: Link) -> bool:
        """Do those who drove over these blocks have to leave out the next one?"""
        return any(
            (*driven[cut:], after) in self.no_ways or self.only_ways.get(driven[cut:], after) != after
            for cut in range(len(driven) - 1)
        )

    def graph(self, folder: Path) -> RoadGraph:
        return build_graph(self.extract.write(folder / f"town{self.seed}.osm.pbf"))

    def middle(self, link: Link) -> tuple[float, float]:
        (lat, lon), (to_lat, to_lon) = self.extract.nodes[link[0]], self.extract.nodes[link[1]]
        return (lat + to_lat) / 2, (lon + to_lon) / 2

    def shortest_s(self, start: Link, goal: Link) -> float:
        """From the first corner of ``start`` to the middle of ``goal``, in whichever direction that is passed."""
        ends = {goal, goal[::-1]} & self.seconds.keys()
        # Of the way driven, so many last blocks as a rule may be about.
        remembered = 4 if self.over_ways else 1
        best: dict[tuple[Link, ...], float] = {(start,): 0.0}
        waiting: list[tuple[float, tuple[Link, ...]]] = [(0.0, (start,))]
        found = inf
        while waiting:
            at_s, driven = heapq.heappop(waiting)
            link = driven[-1]
            if at_s > best[driven] or at_s > found:
                continue
            if link in ends:
                found = min(found, at_s + self.seconds[link] / 2)
            for after in self.onward[link[1]]:
                price_s = self.turn_price_s(link, after)
                if price_s is None or self.forbids(driven, after):
                    continue
                then_s = at_s + self.seconds[link] + price_s
                then = (*driven, after)[-remembered:]
                if then_s < best.get(then, inf):
                    best[then] = then_s
                    heapq.heappush(waiting, (then_s, then))
        return found

    def turn_price_s(self, before: Link, after: Link) -> float | None:
        if (before, after) in self.banned:
            return None
        corner = before[1]
        if after == before[::-1]:
            if len(self.roads[corner]) == 2 and self._merely_goes_on(corner):
                return None
            return U_TURN_S / 2 if len(self.onward[corner]) == 1 else U_TURN_S
        if len(self.roads[corner]) == 2:
            return 0.0
        angle = (self._bearing(after) - self._bearing(before) + 180.0) % 360.0 - 180.0
        return turn_s(round(angle))

    def _merely_goes_on(self, corner: int) -> bool:
        """Is the corner just a bend of one street?"""
        links = [link for link in self.seconds if corner in link]
        if corner in self.via or len({self.kinds[link] for link in links}) > 1:
            return False
        two_way = not self.kinds[links[0]][1]
        return two_way or links[0][1] == links[1][0] or links[1][1] == links[0][0]

    def _bearing(self, link: Link) -> float:
        (lat, lon), (to_lat, to_lon) = self.extract.nodes[link[0]], self.extract.nodes[link[1]]
        return degrees(atan2((to_lon - lon) * cos(radians(lat)), to_lat - lat))

    def link_at_start(self, graph: RoadGraph, edge: int) -> Link:
        """The first block of an edge."""
        corners = [
            min(
                self.extract.nodes,
                key=lambda node, lat=lat, lon=lon: hypot(
                    self.extract.nodes[node][0] - lat, self.extract.nodes[node][1] - lon
                ),
            )
            for lat, lon, _ in graph.line(edge)[:2]
        ]
        return corners[0], corners[1]
