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


@dataclass(slots=True)
class Junctions:
    """Facts by node number. ``signals`` gives the lights and which direction of their way they stop (0 = both)."""

    signals: dict[int, tuple[Signal, int]] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    """Nodes no car can pass."""
    turn_rules: list[TurnRule] = field(default_factory=list)
    skipped_rules: int = 0
    """Restrictions that lead over ways, or name members the extract does not say."""


def read_junctions(extract: Path) -> Junctions:
    """Signals, barriers and turn restrictions. Raises ExtractError."""
    found = Junctions()
    keys = osmium.filter.KeyFilter("highway", "barrier", "restriction", "restriction:motorcar")
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
    rule = tags.get("restriction:motorcar") or tags.get("restriction")
    if rule is None or not rule.startswith(("no_", "only_")):
        return
    if _OURS & {name.strip() for name in tags.get("except", "").split(";")}:
        return
    froms, vias, tos = [], [], []
    for member in relation.members:
        match member.role, member.type:
            case "from", "w":
                froms.append(member.ref)
            case "to", "w":
                tos.append(member.ref)
            case "via", kind:
                vias.append((kind, member.ref))
    if len(vias) != 1 or vias[0][0] != "n" or not froms or not tos:
        found.skipped_rules += 1
        return
    only = rule.startswith("only_")
    found.turn_rules += [TurnRule(a, vias[0][1], b, only) for a in froms for b in tos]
