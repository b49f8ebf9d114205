"""From an OpenStreetMap extract to a road graph, in memory or as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracker.roads.extract import NoRoadsForCars, read_streets
from tracker.roads.graph import RoadGraph
from tracker.roads.graph_build import graph_of
from tracker.roads.graph_file import source_of, write_graph
from tracker.roads.junctions import read_junctions
from tracker.roads.segments import network_of

Progress = Callable[[str, float], None]
"""Told what is being done and which part of everything (0..1) is behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadsSummary:
    """What a finished road graph holds."""

    out: Path
    size_bytes: int
    road_km: float
    edges: int
    turns: int
    turn_restrictions: int
    skipped_restrictions: int
    signals: int


def build_graph(extract: Path, *, progress: Progress | None = None) -> RoadGraph:
    """The road graph of an extract. Raises ExtractError, NoRoadsForCars when there are none."""
    return _built(extract, progress or (lambda _stage, _part: None))[0]


def build_roads(extract: Path, out: Path, *, progress: Progress | None = None) -> RoadsSummary:
    """Make the file of a road graph; ``out`` is replaced only when it is complete.

    Raises ExtractError when the extract cannot be read (NoRoadsForCars when it holds none), OSError when the file
    cannot be written.
    """
    tell = progress or (lambda _stage, _part: None)
    graph, restrictions, skipped, signals = _built(extract, tell)
    tell("Writing roads", 0.95)
    size_bytes = write_graph(graph, out, source=source_of(extract))
    tell("Done", 1.0)
    return RoadsSummary(
        out=out,
        size_bytes=size_bytes,
        road_km=_road_m(graph) / 1000,
        edges=graph.edge_count,
        turns=len(graph.next_edge),
        turn_restrictions=restrictions,
        skipped_restrictions=skipped,
        signals=signals,
    )


def _built(extract: Path, tell: Progress) -> tuple[RoadGraph, int, int, int]:
    tell("Reading roads", 0.0)
    streets = read_streets(extract)
    if not streets:
        raise NoRoadsForCars(f"{extract} holds no roads for cars")
    tell("Reading signals and turn restrictions", 0.35)
    junctions = read_junctions(extract)
    tell("Joining roads", 0.4)
    network = network_of(streets, junctions)
    del streets
    tell("Linking turns", 0.6)
    graph = graph_of(network, junctions)
    restrictions = len(junctions.turn_rules) + len(junctions.way_rules)
    return graph, restrictions, junctions.skipped_rules, len(junctions.signals)


def _road_m(graph: RoadGraph) -> float:
    """Each road once, whatever its directions."""
    ends = graph.segment_point[1:]
    return sum(graph.point_along_m[end - 1] for end in ends)
