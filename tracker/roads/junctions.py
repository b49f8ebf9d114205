"""Reading what happens at the nodes of an OpenStreetMap extract: signals, barriers, forbidden turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import osmium
from osmium.osm import NODE, RELATION, Node, Relation, TagList

from tracker.roads.extract import reading

_BLOCKING = frozenset({"bollard", "block", "jersey_barrier", "log", "debris", "cycle_barrier", "planter"})
_CAR_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
_OURS = frozenset({"motorcar", "motor_vehicle", "vehicle"})
_RULE_KEYS = ("restriction:motorcar", "restriction:motor_vehicle", "restriction:vehicle", "restriction")
"""The most specific decides. What binds at some hours only (``restriction:conditional``) is no rule: the graph knows no
hours, and a way round that is not needed is worse than a turn that is sometimes forbidden."""
_HOURS = ("hour_on", "day_on")
"""The same as it was written in earlier years."""


class Signal(IntEnum):
    """Which lights stand at a node."""

    CROSSROADS = 1
    PEDESTRIANS = 2


class TurnRule(NamedTuple):
    """From one way over one node to another way: forbidden, or (with ``only``) the one that is allowed."""

    from_way: int
    via_node: int
    to_way: int
    only: bool


class WayRule(NamedTuple):
    """The same over ways instead of a node; they are all passed, in whatever order they stand here."""

    from_way: int
    via_ways: tuple[int, ...]
    to_way: int
    only: bool


@dataclass(slots=True)
class Junctions:
    """Facts by node number. ``signals`` gives the lights and which direction of their way they stop (0 = both)."""

    signals: dict[int, tuple[Signal, int]] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    """Nodes no car can pass."""
    turn_rules: list[TurnRule] = field(default_factory=list)
    way_rules: list[WayRule] = field(default_factory=list)
    skipped_rules: int = 0
    """Restrictions whose members make no way."""


def read_junctions(extract: Path) -> Junctions:
    """Signals, barriers and turn restrictions. Raises ExtractError."""
    found = Junctions()
    keys = osmium.filter.KeyFilter("highway", "barrier", *_RULE_KEYS)
    with reading(extract) as file:
        for entity in osmium.FileProcessor(file, NODE | RELATION).with_filter(keys):
            match entity:
                case Node():
                    _read_node(found, entity.id, entity.tags)
                case Relation():
                    _read_relation(found, entity)
    return found


def _read_node(found: Junctions, node: int, tags: TagList) -> None:
    kind = tags.get("highway")
    if kind == "traffic_signals":
        found.signals[node] = (Signal.CROSSROADS, _direction_of(tags))
    elif kind == "crossing" and (tags.get("crossing") == "traffic_signals" or tags.get("crossing:signals") == "yes"):
        found.signals[node] = (Signal.PEDESTRIANS, _direction_of(tags))
    if tags.get("barrier") in _BLOCKING:
        access = next((tags[key] for key in _CAR_KEYS if key in tags), "no")
        if access in ("no", "private"):
            found.blocked.add(node)


def _direction_of(tags: TagList) -> int:
    told = tags.get("traffic_signals:direction")
    return 1 if told == "forward" else -1 if told == "backward" else 0


def _read_relation(found: Junctions, relation: Relation) -> None:
    tags = relation.tags
    rule = next((tags[key] for key in _RULE_KEYS if key in tags), "")
    if not rule.startswith(("no_", "only_")) or any(key in tags for key in _HOURS):
        return
    if _OURS & {name.strip() for name in tags.get("except", "").split(";")}:
        return
    froms, tos, via_nodes, via_ways = [], [], [], []
    for member in relation.members:
        match member.role, member.type:
            case "from", "w":
                froms.append(member.ref)
            case "to", "w":
                tos.append(member.ref)
            case "via", "n":
                via_nodes.append(member.ref)
            case "via", "w":
                via_ways.append(member.ref)
    only = rule.startswith("only_")
    pairs = [(a, b) for a in froms for b in tos]
    if pairs and len(via_nodes) == 1 and not via_ways:
        found.turn_rules += [TurnRule(a, via_nodes[0], b, only) for a, b in pairs]
    elif pairs and via_ways and not via_nodes and not {*froms, *tos} & {*via_ways}:
        found.way_rules += [WayRule(a, tuple(via_ways), b, only) for a, b in pairs]
    else:
        found.skipped_rules += 1
