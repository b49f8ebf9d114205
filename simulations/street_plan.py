"""Where the streets of a made-up city run: ring roads and radial avenues first, then irregular side streets
grown between them by a Delaunay triangulation that is thinned out. Local metres, seeded. [pure]
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

import shapely

from simulations.landscape import BANK_M, XY, Park, River

AVENUE_STEP_M = 115.0
LONGEST_M = 330.0
NARROWEST = math.radians(28)  # two streets that leave a junction closer than this would be one street
KEPT_LOOPS = 0.45  # share of the triangulation's spare links that become streets
KINDS = ("primary", "secondary", "tertiary", "residential")

Link = tuple[int, int]


def link(a: int, b: int) -> Link:
    return (a, b) if a < b else (b, a)


@dataclass(slots=True)
class Plan:
    """Junctions, and the kind of street on each link between two of them."""

    points: list[XY] = field(default_factory=list)
    kinds: dict[Link, str] = field(default_factory=dict)

    def add(self, point: XY) -> int:
        self.points.append(point)
        return len(self.points) - 1

    def join(self, a: int, b: int, kind: str) -> None:
        if a != b and (link(a, b) not in self.kinds):
            self.kinds[link(a, b)] = kind

    def length_m(self, pair: Link) -> float:
        return math.dist(self.points[pair[0]], self.points[pair[1]])

    def neighbours(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for a, b in self.kinds:
            found[a].append(b)
            found[b].append(a)
        return found


def plan_streets(random: Random, *, radius_m: float, river: River, parks: list[Park]) -> Plan:
    """A connected plan within ``radius_m``; only ring roads and avenues cross the river."""
    plan = Plan()
    dry = _Dry(river)
    inner = _ring(random, plan, dry, radius_m=0.24 * radius_m, kind="secondary")
    outer = _ring(random, plan, dry, radius_m=0.62 * radius_m, kind="primary")
    _avenues(random, plan, dry, radius_m=radius_m, rings=[inner, outer])
    _fill(random, plan, dry, radius_m=radius_m, parks=parks)
    _grow(random, plan, river=river, parks=parks)
    _collectors(random, plan)
    return plan


@dataclass(frozen=True, slots=True)
class _Dry:
    river: River

    def __call__(self, point: XY) -> bool:
        return not self.river.wets(point, margin_m=BANK_M)


def _ring(random: Random, plan: Plan, dry: _Dry, *, radius_m: float, kind: str) -> list[int]:
    phases = [random.uniform(0, 2 * math.pi) for _ in range(2)]
    count = round(2 * math.pi * radius_m / AVENUE_STEP_M)
    nodes: list[int] = []
    for i in range(count):
        angle = 2 * math.pi * i / count
        away_m = radius_m * (1 + 0.07 * math.sin(2 * angle + phases[0]) + 0.04 * math.sin(3 * angle + phases[1]))
        point = (away_m * math.cos(angle), away_m * math.sin(angle))
        if dry(point):
            nodes.append(plan.add(point))
    for a, b in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        plan.join(a, b, kind)
    return nodes


def _avenues(random: Random, plan: Plan, dry: _Dry, *, radius_m: float, rings: list[list[int]]) -> None:
    count = 7
    square = plan.add((0.0, 0.0))
    turn = random.uniform(0, 2 * math.pi)
    for number in range(count):
        base = turn + 2 * math.pi * (number + random.uniform(-0.2, 0.2)) / count
        bend = random.uniform(-0.35, 0.35)
        line = [square]
        steps = int(radius_m / AVENUE_STEP_M)
        crossed: set[int] = set()
        for step in range(1, steps + 1):
            away_m = step * AVENUE_STEP_M
            angle = base + bend * (away_m / radius_m) ** 1.5
            point = (away_m * math.cos(angle), away_m * math.sin(angle))
            ring_node = _nearest(plan, [n for ring in rings for n in ring], point)
            if math.dist(plan.points[ring_node], point) < 0.75 * AVENUE_STEP_M:
                ring_number = next(i for i, ring in enumerate(rings) if ring_node in ring)
                if ring_number not in crossed:
                    crossed.add(ring_number)
                    line.append(ring_node)
                continue
            if dry(point):
                line.append(plan.add(point))
        for a, b in pairwise(line):
            plan.join(a, b, "secondary")


def _nearest(plan: Plan, nodes: list[int], point: XY) -> int:
    return min(nodes, key=lambda n: math.dist(plan.points[n], point))


def _fill(random: Random, plan: Plan, dry: _Dry, *, radius_m: float, parks: list[Park]) -> None:
    """Scatter junctions no two of which are too close: dense in the middle, wide outside."""
    cell_m = 200.0
    cells: dict[tuple[int, int], list[XY]] = defaultdict(list)
    for x, y in plan.points:
        cells[math.floor(x / cell_m), math.floor(y / cell_m)].append((x, y))
    for _ in range(9000):
        away_m, angle = radius_m * math.sqrt(random.random()), random.uniform(0, 2 * math.pi)
        point = (away_m * math.cos(angle), away_m * math.sin(angle))
        room_m = 88 + 70 * (away_m / radius_m)
        if not dry(point) or any(park.covers(point, margin_m=15) for park in parks):
            continue
        column, row = math.floor(point[0] / cell_m), math.floor(point[1] / cell_m)
        near = (other for i in (-1, 0, 1) for j in (-1, 0, 1) for other in cells.get((column + i, row + j), ()))
        if all(math.dist(other, point) >= room_m for other in near):
            cells[column, row].append(point)
            plan.add(point)


def _grow(random: Random, plan: Plan, *, river: River, parks: list[Park]) -> None:
    """Turn the triangulation into side streets: a tree that reaches everything, and some loops."""
    avenues = set(plan.kinds)
    sides = _triangle_sides(plan.points)
    open_links = sorted(pair for pair in sides - avenues if _buildable(plan, pair, river=river, parks=parks))
    missing = avenues - sides
    open_links = [pair for pair in open_links if not any(_cross(plan, pair, avenue) for avenue in missing)]
    groups = list(range(len(plan.points)))

    def group(node: int) -> int:
        while groups[node] != node:
            groups[node] = groups[groups[node]]
            node = groups[node]
        return node

    for a, b in avenues:
        groups[group(a)] = group(b)
    weights = {pair: plan.length_m(pair) * random.uniform(0.7, 1.5) for pair in open_links}
    loops: list[Link] = []
    for pair in sorted(open_links, key=lambda p: (weights[p], p)):
        a, b = group(pair[0]), group(pair[1])
        if a != b:
            groups[a] = b
            plan.kinds[pair] = "residential"
        else:
            loops.append(pair)
    neighbours = plan.neighbours()
    for pair in loops:
        if random.random() < KEPT_LOOPS and _has_room(plan, neighbours, pair):
            plan.kinds[pair] = "residential"
            neighbours[pair[0]].append(pair[1])
            neighbours[pair[1]].append(pair[0])
    _keep_largest(plan)


def _triangle_sides(points: list[XY]) -> set[Link]:
    number = {point: index for index, point in enumerate(points)}
    triangles = shapely.delaunay_triangles(shapely.MultiPoint(points))
    corners = [[number[x, y] for x, y in triangle.exterior.coords] for triangle in triangles.geoms]
    return {link(a, b) for ring in corners for a, b in pairwise(ring)}


def _buildable(plan: Plan, pair: Link, *, river: River, parks: list[Park]) -> bool:
    if plan.length_m(pair) > LONGEST_M:
        return False
    (ax, ay), (bx, by) = plan.points[pair[0]], plan.points[pair[1]]
    between = [(ax + (bx - ax) * i / 8, ay + (by - ay) * i / 8) for i in range(1, 8)]
    return not any(river.wets(point, margin_m=8) or any(park.covers(point) for park in parks) for point in between)


def _cross(plan: Plan, one: Link, other: Link) -> bool:
    if set(one) & set(other):
        return False
    a, b, c, d = (plan.points[n] for n in (*one, *other))

    def side(p: XY, q: XY, r: XY) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _has_room(plan: Plan, neighbours: dict[int, list[int]], pair: Link) -> bool:
    """Whether the new street leaves both its ends at a fair angle to the streets already there."""
    for here, there in (pair, pair[::-1]):
        own = _direction(plan, here, there)
        for neighbour in neighbours[here]:
            other = _direction(plan, here, neighbour)
            if abs((own - other + math.pi) % (2 * math.pi) - math.pi) < NARROWEST:
                return False
    return True


def _direction(plan: Plan, here: int, there: int) -> float:
    (ax, ay), (bx, by) = plan.points[here], plan.points[there]
    return math.atan2(by - ay, bx - ax)


def _keep_largest(plan: Plan) -> None:
    neighbours = plan.neighbours()
    seen: set[int] = set()
    largest: set[int] = set()
    for start in sorted(neighbours):
        if start in seen:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            for node in neighbours[waiting.pop()]:
                if node not in reached:
                    reached.add(node)
                    waiting.append(node)
        seen |= reached
        largest = max(largest, reached, key=len)
    kept = sorted(largest)
    number = {old: new for new, old in enumerate(kept)}
    plan.points = [plan.points[old] for old in kept]
    plan.kinds = {
        link(number[a], number[b]): kind for (a, b), kind in plan.kinds.items() if a in number and b in number
    }


def _collectors(random: Random, plan: Plan) -> None:
    """Raise the shortest ways between a few far-apart places to through streets."""
    neighbours = plan.neighbours()
    nodes = sorted(neighbours)
    for _ in range(9):
        start, end = random.choice(nodes), random.choice(nodes)
        queue: list[tuple[float, int, int]] = [(0.0, start, start)]
        came_from: dict[int, int] = {}
        while queue:
            cost, node, before = heappop(queue)
            if node in came_from:
                continue
            came_from[node] = before
            if node == end:
                break
            for other in neighbours[node]:
                if other not in came_from:
                    heappush(queue, (cost + plan.length_m(link(node, other)), other, node))
        node = end
        while node != start and node in came_from:
            pair = link(node, came_from[node])
            if plan.kinds[pair] == "residential":
                plan.kinds[pair] = "tertiary"
            node = came_from[node]
