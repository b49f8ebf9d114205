"""The table of `enroute benchmark peers`: one row per workload and server, medians over the rounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Literal

import click
import msgspec

from benchmarks.loading import LoadResult, Workload
from benchmarks.peer_rounds import Measured, troubles_of

LOAD_BOUND = 0.95
"""Above this share of its core the load generator, not the server, sets the pace of a closed loop."""
CONTENDED = 0.1
"""Above this share of the server's core in other hands its cost per update is no longer its own doing."""


class Row(msgspec.Struct, kw_only=True):
    """Medians over the rounds of one workload on one server; None where nothing could be measured, and `troubles`
    says why. An update is a fix told to one watcher."""

    workload: str
    server: str
    version: str = ""
    state: Literal["measured", "failed", "not installed"] = "measured"
    rounds: int = 0
    cpu_us_per_update: float | None = None
    cpu_us_per_fix: float | None = None
    times_limit: float | None = None
    enroute_times: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    updates_per_s: float | None = None
    bytes_per_update: float | None = None
    server_busy: float | None = None
    others_busy: float | None = None
    load_busy: float | None = None
    troubles: list[str] = []


def measured_row(workload: Workload, server: str, version: str, measured: Measured) -> Row:
    results = measured.results
    troubles = [f"{len(measured.failures)} rounds failed: {measured.failures[0]}"] if measured.failures else []
    for number, result in enumerate(results, start=1):
        troubles += [f"round {number}: {trouble}" for trouble in troubles_of(workload, result)]
    row = Row(workload=workload.name, server=server, version=version, rounds=len(results), troubles=troubles)
    if not results:
        row.state = "failed"
        return row
    row.cpu_us_per_update = _median(results, "cpu_us_per_position")
    row.cpu_us_per_fix = _median(results, "cpu_us_per_fix")
    row.updates_per_s = _median(results, "positions_per_s")
    row.bytes_per_update = _median(results, "bytes_per_position")
    row.server_busy = _median(results, "server_busy")
    row.others_busy = median(measured.others_busy) if measured.others_busy else None
    if row.others_busy is not None and row.others_busy > CONTENDED:
        row.troubles.append(f"others had {row.others_busy:.0%} of its core")
    row.load_busy = _median(results, "load_busy")
    row.p50_us = median(result.latency_us.p50 for result in results)
    row.p99_us = median(result.latency_us.p99 for result in results)
    return row


def _median(results: Iterable[LoadResult], field: str) -> float:
    return median(float(getattr(result, field)) for result in results)


def fill_ratios(rows: Sequence[Row], *, limit: str, enroute: str) -> None:
    """How many times the limit each row costs, and how many times the row Enroute costs; both of the same workload."""
    cost = {(row.workload, row.server): row.cpu_us_per_update for row in rows}
    for row in rows:
        row.times_limit = ratio(row.cpu_us_per_update, cost.get((row.workload, limit)))
        row.enroute_times = ratio(cost.get((row.workload, enroute)), row.cpu_us_per_update)


def ratio(value: float | None, other: float | None) -> float | None:
    """None unless both were measured."""
    return value / other if value is not None and other else None


def print_rows(rows: Sequence[Row], workloads: Sequence[Workload], *, versions: Mapping[str, str]) -> None:
    for workload in workloads:
        click.echo(
            f"\n{describe(workload)}\n{'server':12} {'CPU us/update':>13} {'x limit':>8} {'Enroute x':>9} {'p50 ms':>8}"
            f" {'p99 ms':>8} {'updates/s':>9} {'bytes':>6} {'server':>7} {'load':>5}"
        )
        for row in rows:
            if row.workload == workload.name:
                _print_row(row)
    click.echo()
    for server, version in versions.items():
        click.echo(f"{server:12} {version}")


def describe(workload: Workload) -> str:
    if workload.view == "fleet":
        sockets = f"{workload.watchers} dispatchers × {workload.trips} technicians"
    else:
        sockets = f"{workload.trips} × 1:{workload.watchers}"
    pace = "closed loop" if workload.rate_per_s is None else f"{workload.rate_per_s:g} fixes/s in all"
    return f"{workload.name} · {sockets}, {pace}"


def _print_row(row: Row) -> None:
    if row.state != "measured":
        click.echo(f"{row.server:12} {row.state}: {'; '.join(row.troubles)}")
        return
    click.echo(
        f"{row.server:12} {_figure(row.cpu_us_per_update, 13, 2)} {_figure(row.times_limit, 8, 2)}"
        f" {_figure(row.enroute_times, 9, 2)} {_figure(row.p50_us, 8, 3, 1e-3)} {_figure(row.p99_us, 8, 3, 1e-3)}"
        f" {_figure(row.updates_per_s, 9, 0)} {_figure(row.bytes_per_update, 6, 0)}"
        f" {_figure(row.server_busy, 6, 0, 100)}% {_figure(row.load_busy, 4, 0, 100)}%"
        f"{'  load-bound' if (row.load_busy or 0) > LOAD_BOUND else ''}"
        f"{'  ' + '; '.join(row.troubles) if row.troubles else ''}"
    )


def _figure(value: float | None, width: int, decimals: int, scale: float = 1.0) -> str:
    return " " * width if value is None else f"{value * scale:{width}.{decimals}f}"
