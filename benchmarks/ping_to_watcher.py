"""What does it cost, and how long does it take, to bring one fix to the people who watch?

The same load on Enroute and on a C relay that only copies bytes, round by round in turn, so that a slow minute of the
machine hits both. README.md beside this file says what each figure means.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks.fleet import limit_trips, seed_fleet, trips_of
from benchmarks.loading import LoadResult, TripAccess, Workload, as_json, run_load
from benchmarks.serving import Server, cores, serve_enroute, serve_limit

LOAD_BOUND = 0.95
"""Above this share of its core the load generator, not the server, sets the pace of a closed loop."""


class Row(msgspec.Struct, kw_only=True):
    """Medians over the rounds of one workload on one server."""

    workload: str
    server: str
    cpu_us_per_position: float
    loop_us_per_position: float
    times_limit: float | None
    p50_us: float
    p99_us: float
    positions_per_s: float
    server_busy: float
    load_busy: float
    undelivered: int
    closings: dict[str, int]


def workloads(*, smoke: bool, devices: int, rate_per_s: float) -> list[Workload]:
    many = 50 if smoke else 1000
    return [
        Workload(name="1:1", trips=devices, watchers=1),
        Workload(name="1:3", trips=devices, watchers=3),
        Workload(name=f"1:{many}", trips=1, watchers=many),
        Workload(name=f"{rate_per_s:.0f} fixes/s, {devices} x 1:1", trips=devices, watchers=1, rate_per_s=rate_per_s),
    ]


def measure(
    asked: Sequence[Workload],
    servers: Sequence[tuple[Server, Sequence[TripAccess]]],
    *,
    rounds: int,
    seconds: float,
    warmup_s: float,
    load_cpu: int | None,
) -> dict[tuple[str, str], list[LoadResult]]:
    """Every workload on every server, interleaved."""
    results: dict[tuple[str, str], list[LoadResult]] = {}
    for number in range(1, rounds + 1):
        for workload in asked:
            for server, trips in servers:
                click.echo(f"round {number}/{rounds}: {workload.name} on {server.name}", err=True)
                result = run_load(
                    workload,
                    trips=trips,
                    port=server.port,
                    server_pids=server.pids,
                    cpu=load_cpu,
                    seconds=seconds,
                    warmup_s=warmup_s,
                )
                results.setdefault((workload.name, server.name), []).append(result)
    return results


def summarize(results: dict[tuple[str, str], list[LoadResult]], asked: Sequence[Workload]) -> list[Row]:
    watchers = {workload.name: workload.watchers for workload in asked}
    rows = []
    for (workload, server), rounds in results.items():
        limit = results.get((workload, "C limit"))
        cost = median(each.cpu_us_per_position for each in rounds)
        ended: dict[str, int] = {}
        for each in rounds:
            for code, count in each.closings.items():
                ended[code] = ended.get(code, 0) + count
        rows.append(
            Row(
                workload=workload,
                server=server,
                cpu_us_per_position=cost,
                loop_us_per_position=median(each.loop_us_per_position for each in rounds),
                times_limit=cost / median(each.cpu_us_per_position for each in limit) if limit else None,
                p50_us=median(each.latency_us.p50 for each in rounds),
                p99_us=median(each.latency_us.p99 for each in rounds),
                positions_per_s=median(each.positions_per_s for each in rounds),
                server_busy=median(each.server_busy for each in rounds),
                load_busy=median(each.load_busy for each in rounds),
                undelivered=sum(max(0, each.fixes * watchers[workload] - each.positions) for each in rounds),
                closings=ended,
            )
        )
    return rows


def print_rows(rows: Sequence[Row]) -> None:
    click.echo(
        f"{'workload':26} {'server':8} {'CPU us/delivered':>16} {'loop us':>8} {'x limit':>8}"
        f" {'p50 ms':>8} {'p99 ms':>8} {'delivered/s':>11} {'server':>7} {'load':>6}"
    )
    for row in rows:
        times = f"{row.times_limit:.2f}" if row.times_limit else ""
        click.echo(
            f"{row.workload:26} {row.server:8} {row.cpu_us_per_position:16.2f} {row.loop_us_per_position:8.2f}"
            f" {times:>8} {row.p50_us / 1000:8.3f} {row.p99_us / 1000:8.3f} {row.positions_per_s:11.0f}"
            f" {row.server_busy:7.0%} {row.load_busy:6.0%}"
            f"{'  load-bound' if row.load_busy > LOAD_BOUND else ''}"
            f"{f'  closed: {row.closings}' if row.closings else ''}"
        )


@click.command("ping-to-watcher")
@click.option("--smoke", is_flag=True, help="A few sockets for a few seconds: proves that it runs, measures nothing.")
@click.option("--devices", default=500, show_default=True, help="Technicians on the road, one socket each.")
@click.option("--rate", default=5000.0, show_default=True, help="Fixes per second of the moderate load, all together.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Measured time of one workload in one round.")
@click.option("--only", "servers", type=click.Choice(["limit", "enroute"]), multiple=True, help="Leave the other out.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(
    smoke: bool,
    devices: int,
    rate: float,
    rounds: int,
    seconds: float,
    servers: tuple[str, ...],
    json_path: Path | None,
) -> None:
    """Latency and CPU per delivered position, beside a C relay."""
    if smoke:
        devices, rate, rounds, seconds = 10, 200.0, 1, 0.5
    warmup_s = 0.2 if smoke else 1.0
    asked = workloads(smoke=smoke, devices=devices, rate_per_s=rate)
    server_cpu, load_cpu = cores()
    wanted = servers or ("limit", "enroute")
    with ExitStack() as stack:
        running: list[tuple[Server, Sequence[TripAccess]]] = []
        if "limit" in wanted:
            running.append((stack.enter_context(serve_limit(cpu=server_cpu)), limit_trips(devices)))
        if "enroute" in wanted:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-benchmark-")))
            fleet = seed_fleet(folder / "enroute.db", technicians=devices)
            server = stack.enter_context(serve_enroute(fleet.database, cpu=server_cpu))
            running.append((server, trips_of(fleet, port=server.port)))
        results = measure(asked, running, rounds=rounds, seconds=seconds, warmup_s=warmup_s, load_cpu=load_cpu)
    rows = summarize(results, asked)
    print_rows(rows)
    if json_path:
        json_path.write_bytes(as_json(rows))


if __name__ == "__main__":
    main()
