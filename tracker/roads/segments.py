"""From streets to segments: cut where streets meet, joined where they merely go on.

A segment is what lies between two junctions, with its bends as a polyline. Between 5 and 10 nodes of a map make
one segment, so that a shortest-path tree has a fraction of the map's nodes. [pure]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tracker.roads.extract import Oneway, Street
from tracker.roads.junctions import Junctions, Signal
from tracker.roads.speeds import ROAD_CLASSES


class Light(NamedTuple):
    """Lights at a node of a segment; ``direction`` is 1 when they stop those who follow its nodes, -1 those who come
    against them, 0 both."""

    node: int
    signal: Signal
    direction: int


@dataclass(slots=True)
class Segment:
    """A drivable piece from its first node to its last; with ``oneway`` not to be driven back.

    ``nodes`` index ``Network.lats`` and ``lons``. ``first_way`` and ``last_way`` are the numbers of the ways at
    either end.
    """

    nodes: list[int]
    class_code: int
    maxspeed_kmh: float | None
    private: bool
    oneway: bool
    first_way: int
    last_way: int
    lights: list[Light] = field(default_factory=list)

    def kind(self) -> tuple[int, float | None, bool, bool]:
        """What two segments must have in common to be joined."""
        return self.class_code, self.maxspeed_kmh, self.private, self.oneway


@dataclass(slots=True)
class Network:
    """Segments and the nodes they run through, renumbered from 0."""

    lats: list[float] = field(default_factory=list)
    lons: list[float] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    turn_nodes: dict[int, int] = field(default_factory=dict)
    """Node number of the map → index, where turns are restricted."""


def network_of(streets: Iterable[Street], junctions: Junctions) -> Network:
    """The drivable network of an extract's streets."""
    streets = [street for street in streets if street.road_class in ROAD_CLASSES]
    network = Network()
    meeting = _meeting_points(streets)
    via_nodes = {rule.via_node for rule in junctions.turn_rules}
    index_of: dict[int, int] = {}
    for street in streets:
        _cut(network, street, junctions, meeting, index_of)
    network.turn_nodes = {number: index_of[number] for number in via_nodes if number in index_of}
    over_ways = {way for rule in junctions.way_rules for way in rule.via_ways}
    ends = {
        end for street in streets if street.way_id in over_ways for end in (street.node_ids[0], street.node_ids[-1])
    }
    keep = {*network.turn_nodes.values(), *(index_of[number] for number in ends if number in index_of)}
    network.segments = _joined(network.segments, keep=keep)
    return network


def _meeting_points(streets: Iterable[Street]) -> set[int]:
    """Numbers of nodes that several streets use, or one street twice."""
    once: set[int] = set()
    often: set[int] = set()
    for street in streets:
        for number in street.node_ids:
            if number in once:
                often.add(number)
            else:
                once.add(number)
    return often


def _cut(network: Network, street: Street, junctions: Junctions, meeting: set[int], index_of: dict[int, int]) -> None:
    numbers = list(street.node_ids)
    last = len(numbers) - 1
    run: list[int] = []
    lights: list[Light] = []
    for place, number in enumerate(numbers):
        blocked = number in junctions.blocked
        # Each street that comes up to a barrier ends at a node of its own.
        index = None if blocked else index_of.get(number)
        if index is None:
            index = len(network.lats)
            network.lats.append(street.lats[place])
            network.lons.append(street.lons[place])
            if not blocked:
                index_of[number] = index
        if run and run[-1] == index:
            continue
        run.append(index)
        light = junctions.signals.get(number)
        if light is not None:
            lights.append(Light(index, *light))
        if place in (0, last) or not (blocked or number in meeting):
            continue
        _add(network, street, run, lights)
        if blocked:
            index = len(network.lats)
            network.lats.append(street.lats[place])
            network.lons.append(street.lons[place])
        run = [index]
        lights = [] if blocked or light is None else [Light(index, *light)]
    _add(network, street, run, lights)


def _add(network: Network, street: Street, run: list[int], lights: list[Light]) -> None:
    if len(run) < 2:
        return
    segment = Segment(
        nodes=run,
        class_code=ROAD_CLASSES.index(street.road_class),
        maxspeed_kmh=street.maxspeed_kmh,
        private=street.private,
        oneway=street.oneway is not Oneway.BOTH,
        first_way=street.way_id,
        last_way=street.way_id,
        lights=lights,
    )
    network.segments.append(_reversed(segment) if street.oneway is Oneway.BACKWARD else segment)


def _joined(segments: list[Segment], *, keep: set[int]) -> list[Segment]:
    """Segments joined at nodes where just two of one kind meet, unless the node is in ``keep``."""
    at: dict[int, list[int]] = defaultdict(list)
    for number, segment in enumerate(segments):
        at[segment.nodes[0]].append(number)
        at[segment.nodes[-1]].append(number)
    alive: list[Segment | None] = list(segments)
    for node, numbers in at.items():
        if len(numbers) != 2 or numbers[0] == numbers[1] or node in keep:
            continue
        first, second = alive[numbers[0]], alive[numbers[1]]
        assert first is not None
        assert second is not None
        joined = _join(first, second, node) if first.kind() == second.kind() else None
        if joined is None:
            continue
        alive[numbers[0]], alive[numbers[1]] = joined, None
        for end in (joined.nodes[0], joined.nodes[-1]):
            at[end] = [numbers[0] if number == numbers[1] else number for number in at[end]]
    return [segment for segment in alive if segment is not None]


def _join(first: Segment, second: Segment, node: int) -> Segment | None:
    if first.oneway:
        if first.nodes[-1] != node:
            first, second = second, first
        if first.nodes[-1] != node or second.nodes[0] != node:
            return None  # two one-ways that meet head on
    else:
        if first.nodes[-1] != node:
            first = _reversed(first)
        if second.nodes[0] != node:
            second = _reversed(second)
    return Segment(
        nodes=first.nodes + second.nodes[1:],
        class_code=first.class_code,
        maxspeed_kmh=first.maxspeed_kmh,
        private=first.private,
        oneway=first.oneway,
        first_way=first.first_way,
        last_way=second.last_way,
        lights=[*first.lights, *second.lights],
    )


def _reversed(segment: Segment) -> Segment:
    return Segment(
        nodes=segment.nodes[::-1],
        class_code=segment.class_code,
        maxspeed_kmh=segment.maxspeed_kmh,
        private=segment.private,
        oneway=segment.oneway,
        first_way=segment.last_way,
        last_way=segment.first_way,
        lights=[Light(node, signal, -direction) for node, signal, direction in reversed(segment.lights)],
    )
