"""What Enroute is to cost beside its peers in the same run, as ratios of CPU time per delivered update."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peer_rows import Row, ratio
from benchmarks.targets import Target, at_most

ENROUTE = "Enroute"
RATIOS = (
    ("1:1", "C limit", 1.6),
    ("1:1", "NATS", 1.0),
    ("1:1", "node ws", 0.75),
    ("1:1", "Starlette", 0.5),
    ("1:3", "C limit", 1.25),
    ("1:3", "nchan", 0.95),
    ("1:1000", "C limit", 1.15),
    ("1:1000", "nchan", 0.85),
    ("1:1000", "mosquitto", 0.6),
    ("fleet view", "C limit", 0.6),
)
"""Workload, peer, and how many times the peer's cost Enroute's may be."""
MODERATE_CPU_RATIO = 1.1
MODERATE_P50_MS = 3.0
MODERATE_P50_RATIO = 1.3
EITHER_OR = "Of the three of the moderate load either the first two or the last one are asked for."


def ratio_targets(rows: Sequence[Row], *, moderate: str) -> list[Target]:
    """Every ratio for which both servers were asked for, in the order of the list; `moderate` is the name of the open
    loop. One of them that is not installed or failed makes a miss."""
    found = {(row.workload, row.server): row for row in rows}
    targets = []
    for workload, peer, most in RATIOS:
        ours, theirs = found.get((workload, ENROUTE)), found.get((workload, peer))
        if ours and theirs:
            times = ratio(ours.cpu_us_per_update, theirs.cpu_us_per_update)
            targets.append(at_most(f"{workload}: CPU per update, times {peer}", times, most))
    ours, limit = found.get((moderate, ENROUTE)), found.get((moderate, "C limit"))
    if ours and limit:
        cpu, p50 = ratio(ours.cpu_us_per_fix, limit.cpu_us_per_fix), ratio(ours.p50_us, limit.p50_us)
        p50_ms = None if ours.p50_us is None else ours.p50_us / 1000
        targets += [
            at_most(f"{moderate}: CPU per fix, times C limit", cpu, MODERATE_CPU_RATIO),
            at_most(f"{moderate}: p50", p50_ms, MODERATE_P50_MS, "ms"),
            at_most(f"{moderate}: or p50, times C limit", p50, MODERATE_P50_RATIO),
        ]
    return targets
