"""What a run of `enroute benchmark peers` leaves behind: the JSON and the plot."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.loading import LoadResult, Workload
from benchmarks.peer_rounds import Measured
from benchmarks.peer_rows import Row, describe
from benchmarks.peer_targets import ENROUTE
from benchmarks.plot import Bar, Panel
from benchmarks.targets import Target


class Report(msgspec.Struct, kw_only=True):
    """`measured_at` is ISO 8601. `results` are the load generator's own reports, by workload, server and round."""

    measured_at: str
    machine: dict[str, str]
    rounds: int
    seconds: float
    update_bytes: dict[str, int]
    versions: dict[str, str]
    rows: list[Row]
    targets: list[Target]
    results: dict[str, dict[str, list[LoadResult]]]


def machine() -> dict[str, str]:
    """What the figures of another run have to be compared with."""
    cpus = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": cpus[0] if cpus else platform.machine(),
        "cores": str(len(cpus) or 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def raw_results(measured: Mapping[tuple[str, str], Measured]) -> dict[str, dict[str, list[LoadResult]]]:
    by_workload: dict[str, dict[str, list[LoadResult]]] = {}
    for (workload, server), outcome in measured.items():
        by_workload.setdefault(workload, {})[server] = outcome.results
    return by_workload


def panels(rows: Sequence[Row], workloads: Sequence[Workload], *, limit: str) -> list[Panel]:
    """One for each workload, the cheapest at the top, a dotted line at the limit."""
    drawn = []
    for workload in workloads:
        here = [row for row in rows if row.workload == workload.name]
        here.sort(key=lambda row: (row.cpu_us_per_update is None, row.cpu_us_per_update or 0))
        bars = [
            Bar(
                row.server + (" *" if row.troubles and row.state == "measured" else ""),
                row.cpu_us_per_update,
                ours=row.server == ENROUTE,
                note=row.state,
            )
            for row in here
        ]
        mark = next((row.cpu_us_per_update for row in here if row.server == limit), None)
        drawn.append(Panel(describe(workload), bars, mark))
    return drawn
