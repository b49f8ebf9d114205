"""A plausible small city that nobody lives in: streets with names, classes, limits and one-ways, signals,
a river with bridges, parks, buildings. The same seed gives the same city. [pure]
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from simulations.doors import Door, door_beside
from simulations.landscape import XY, Park, River, make_buildings, make_parks, make_river
from simulations.plane import Plane
from simulations.street_names import PARKS, street_names
from simulations.street_plan import KINDS, Link, Plan, link, plan_streets

CENTRE_LAT, CENTRE_LON = 41.15, -8.62
CITY_NAME = "Valmar"
TIME_ZONE = "Europe/Lisbon"
LIMIT_KMH = {"primary": 70, "secondary": 50, "tertiary": 40, "residential": 30}
STRAIGHT_ON = math.radians(40)  # a street keeps its name over a bend up to this


@dataclass(frozen=True, slots=True)
class Street:
    """A named way along ``nodes``; with ``oneway`` it may be driven in the order of ``nodes`` only."""

    name: str
    kind: str
    limit_mps: float
    oneway: bool
    bridge: bool
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One straight piece that may be driven from the node it is listed under to ``end``."""

    end: int
    length_m: float
    street: int


@dataclass(frozen=True, slots=True)
class City:
    """``nodes`` are junctions and bends in local metres; ``plane`` gives their degrees."""

    name: str
    time_zone: str
    plane: Plane
    nodes: tuple[XY, ...]
    streets: tuple[Street, ...]
    signals: frozenset[int]
    river: River
    parks: tuple[Park, ...]
    buildings: tuple[tuple[XY, ...], ...]
    leaving: dict[int, tuple[Segment, ...]] = field(repr=False)

    def place(self, node: int) -> tuple[float, float]:
        """(lat, lon) in degrees."""
        return self.plane.lat_lon(*self.nodes[node])

    def street_at(self, node: int) -> Street:
        return self.streets[self.leaving[node][0].street]

    def doors(self, random: Random) -> Iterator[Door]:
        """Without end, on side streets and avenues but never on the ring road or a bridge."""
        quiet = [
            (number, node)
            for number, street in enumerate(self.streets)
            if street.kind != "primary" and not street.bridge
            for node in street.nodes
        ]
        while True:
            number, node = random.choice(quiet)
            yield door_beside(random, self.plane, self.nodes[node], street=self.streets[number].name, town=self.name)

    def nearest_node(self, *, lat: float, lon: float) -> int:
        x, y = self.plane.xy(lat=lat, lon=lon)
        return min(self.leaving, key=lambda n: (self.nodes[n][0] - x) ** 2 + (self.nodes[n][1] - y) ** 2)


def make_city(
    seed: int,
    *,
    name: str = CITY_NAME,
    lat: float = CENTRE_LAT,
    lon: float = CENTRE_LON,
    time_zone: str = TIME_ZONE,
    radius_m: float = 2300.0,
    most_buildings: int = 1600,
) -> City:
    """The city of ``seed``: with the default radius about 1500 nodes, each reachable from each."""
    random = Random(f"city {seed}")
    river = make_river(random, radius_m=radius_m)
    parks = make_parks(random, radius_m=radius_m, river=river, names=PARKS)
    plan = plan_streets(random, radius_m=radius_m, river=river, parks=parks)
    nodes, pieces = _bend(random, plan)
    streets = _name(random, plan, nodes, pieces, river)
    streets = _one_ways(random, nodes, streets, within_m=0.5 * radius_m)
    lines = [(nodes[a], nodes[b]) for street in streets for a, b in pairwise(street.nodes)]
    fronts = [
        (nodes[a], nodes[b])
        for street in streets
        if street.kind != "primary" and not street.bridge
        for a, b in pairwise(street.nodes)
        if math.dist(nodes[a], nodes[b]) > 30
    ]
    fronts.sort(key=lambda ends: math.hypot(*ends[0]))
    buildings = make_buildings(random, frontages=fronts, streets=lines, most=most_buildings)
    return City(
        name=name,
        time_zone=time_zone,
        plane=Plane(lat=lat, lon=lon),
        nodes=tuple(nodes),
        streets=tuple(streets),
        signals=_signals(streets),
        river=river,
        parks=tuple(parks),
        buildings=tuple(tuple(ring) for ring in buildings),
        leaving=_leaving(nodes, streets),
    )


def _bend(random: Random, plan: Plan) -> tuple[list[XY], dict[Link, list[int]]]:
    """Give long side streets a bend. The nodes, and for every link of the plan the nodes along it."""
    nodes = list(plan.points)
    pieces: dict[Link, list[int]] = {}
    for (a, b), kind in sorted(plan.kinds.items()):
        (ax, ay), (bx, by) = nodes[a], nodes[b]
        length_m = math.dist(nodes[a], nodes[b])
        pieces[a, b] = [a, b]
        if kind in ("residential", "tertiary") and length_m > 80:
            off = random.uniform(-0.08, 0.08)
            nodes.append(((ax + bx) / 2 - off * (by - ay), (ay + by) / 2 + off * (bx - ax)))
            pieces[a, b] = [a, len(nodes) - 1, b]
    return nodes, pieces


def _name(random: Random, plan: Plan, nodes: list[XY], pieces: dict[Link, list[int]], river: River) -> list[Street]:
    """Join links of one kind that go straight on into streets; a bridge is a street of its own, same name."""
    names = {kind: street_names(random, kind) for kind in KINDS}
    links_at: dict[int, list[Link]] = defaultdict(list)
    for pair in sorted(plan.kinds):
        links_at[pair[0]].append(pair)
        links_at[pair[1]].append(pair)
    free = dict(plan.kinds)
    streets: list[Street] = []
    for pair in sorted(plan.kinds, key=lambda p: (KINDS.index(plan.kinds[p]), p)):
        if pair not in free:
            continue
        kind = free.pop(pair)
        chain = [pair[0], pair[1]]
        for _ in range(2):  # once forward, once from the other end
            while (following := _straight_on(plan, links_at, free, kind, chain[-2], chain[-1])) is not None:
                del free[link(chain[-1], following)]
                chain.append(following)
            chain.reverse()
        name = next(names[kind])
        for part, bridge in _cut_at_water(plan, chain, river):
            line = [part[0]]
            for a, b in pairwise(part):
                between = pieces[link(a, b)]
                line += between[1:] if between[0] == a else between[-2::-1]
            limit_mps = LIMIT_KMH[kind] / 3.6
            streets.append(Street(name, kind, limit_mps, oneway=False, bridge=bridge, nodes=tuple(line)))
    return streets


def _straight_on(
    plan: Plan,
    links_at: dict[int, list[Link]],
    free: dict[Link, str],
    kind: str,
    before: int,
    here: int,
) -> int | None:
    (px, py), (hx, hy) = plan.points[before], plan.points[here]
    best: tuple[float, int] | None = None
    for pair in links_at[here]:
        if free.get(pair) != kind:
            continue
        there = pair[0] if pair[1] == here else pair[1]
        nx, ny = plan.points[there]
        turn = math.atan2(ny - hy, nx - hx) - math.atan2(hy - py, hx - px)
        turn = abs((turn + math.pi) % (2 * math.pi) - math.pi)
        if turn < STRAIGHT_ON and (best is None or (turn, there) < best):
            best = (turn, there)
    return best[1] if best else None


def _cut_at_water(plan: Plan, chain: list[int], river: River) -> list[tuple[list[int], bool]]:
    parts: list[tuple[list[int], bool]] = []
    for a, b in pairwise(chain):
        (ax, ay), (bx, by) = plan.points[a], plan.points[b]
        wet = any(river.wets((ax + (bx - ax) * i / 10, ay + (by - ay) * i / 10)) for i in range(1, 10))
        if parts and parts[-1][1] == wet:
            parts[-1][0].append(b)
        else:
            parts.append(([a, b], wet))
    return parts


def _leaving(nodes: list[XY], streets: list[Street]) -> dict[int, tuple[Segment, ...]]:
    found: dict[int, list[Segment]] = defaultdict(list)
    for number, street in enumerate(streets):
        for a, b in pairwise(street.nodes):
            length_m = math.dist(nodes[a], nodes[b])
            found[a].append(Segment(b, length_m, number))
            if not street.oneway:
                found[b].append(Segment(a, length_m, number))
    return {node: tuple(found[node]) for node in sorted(found)}


def _one_ways(random: Random, nodes: list[XY], streets: list[Street], *, within_m: float) -> list[Street]:
    """Make some side streets near the middle one-way, while every place can still be reached and left."""
    everywhere = len({node for street in streets for node in street.nodes})
    for number, street in enumerate(streets):
        near = math.hypot(*nodes[street.nodes[0]]) < within_m and len(street.nodes) > 4
        if street.kind != "residential" or not near or random.random() > 0.5:
            continue
        changed = Street(street.name, street.kind, street.limit_mps, True, street.bridge, street.nodes)
        trial = [*streets[:number], changed, *streets[number + 1 :]]
        onward = {n: [s.end for s in out] for n, out in _leaving(nodes, trial).items()}
        backward: dict[int, list[int]] = defaultdict(list)
        for node, ends in onward.items():
            for end in ends:
                backward[end].append(node)
        start = street.nodes[0]
        if _reach(onward, start) == _reach(backward, start) == everywhere:
            streets = trial
    return streets


def _reach(ways: dict[int, list[int]], start: int) -> int:
    reached, waiting = {start}, [start]
    while waiting:
        for node in ways.get(waiting.pop(), ()):
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return len(reached)


def _signals(streets: list[Street]) -> frozenset[int]:
    """Where a main road meets another through street of another name."""
    main: dict[int, set[str]] = defaultdict(set)
    through: dict[int, set[str]] = defaultdict(set)
    for street in streets:
        for node in street.nodes:
            if street.kind in ("primary", "secondary"):
                main[node].add(street.name)
            if street.kind != "residential":
                through[node].add(street.name)
    return frozenset(node for node in main if len(through[node]) > 1)
