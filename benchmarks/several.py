"""What does an update cost when its phone and its watchers are spread at random over several workers?

One worker without Redis, two workers with it, and two that may not bring phones and watchers together, as if they were
on two machines: round by round in turn, with the same load for each worker. Everything that is not the load generator
is counted: workers, their supervisor, Redis. README.md beside this file says what each figure means.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks.fleet import seed_fleet, trips_of
from benchmarks.forgetting import forgetting
from benchmarks.loading import LoadResult, TripAccess, Workload, as_json, run_load
from benchmarks.serving import Server, cores, serve_enroute, serve_redis
from benchmarks.targets import Target, at_most, print_targets

ONE = "one worker"
WORKERS = 2
TWO = f"{WORKERS} workers"
APART = f"{WORKERS} apart"
TIMES_ONE = 1.5
WORKERS_SHOWN = (2, 4, 8)


class Row(msgspec.Struct, kw_only=True):
    """Medians over the rounds. `times_one` is against one worker in the same run."""

    workload: str
    server: str
    cpu_us_per_update: float
    times_one: float
    p50_ms: float
    p99_ms: float
    updates_per_s: float
    undelivered: int


class Capacity(msgspec.Struct, frozen=True):
    """What so many workers could carry on as many cores, reckoned from what was measured with one and with two."""

    workers: int
    cpu_us_per_update: float
    updates_per_s: float


def capacity(*, one_us: float, two_us: float, workers: int) -> Capacity:
    """The share of updates whose watcher sits in another worker is (n - 1) / n, a half with two: from the difference
    between one and two follows what a hop costs, and from that every other number of workers. Redis is shared by all
    and included; one Redis carries some 400 000 updates a second, in blobs. Without a hop `one_us` is `two_us`."""
    hop_us = max(0.0, (two_us - one_us) * 2)
    cost_us = one_us + hop_us * (workers - 1) / workers
    return Capacity(workers, cost_us, workers * 1e6 / cost_us)


def children_of(pid: int) -> tuple[int, ...]:
    return tuple(int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def at_each(rate_per_s: float) -> str:
    return f"{rate_per_s:.0f} fixes/s each"


def workloads(*, devices: int, rate_per_s: float, workers: int) -> list[Workload]:
    """Full cores, then the moderate rate for each of the workers and half of it, with half of its phones: a worker that
    is half as busy is woken as often for half as much, which is nobody's doing but its own."""
    return [
        Workload(name="1:1", trips=devices, watchers=1),
        Workload(name="1:3", trips=devices, watchers=3),
        Workload(name=at_each(rate_per_s), trips=devices * workers, watchers=1, rate_per_s=rate_per_s * workers),
        Workload(
            name=at_each(rate_per_s / 2),
            trips=devices // 2 * workers,
            watchers=1,
            rate_per_s=rate_per_s / 2 * workers,
        ),
    ]


def rows_of(results: dict[tuple[Workload, str], list[LoadResult]]) -> list[Row]:
    """In the order in which they were asked; those of one name side by side."""
    rows = []
    alone_by_name = {workload.name: rounds for (workload, server), rounds in results.items() if server == ONE}
    names = list(alone_by_name)
    for (workload, server), rounds in sorted(results.items(), key=lambda each: names.index(each[0][0].name)):
        cost = median(each.cpu_us_per_position for each in rounds)
        alone = alone_by_name[workload.name]
        rows.append(
            Row(
                workload=workload.name,
                server=server,
                cpu_us_per_update=cost,
                times_one=cost / median(each.cpu_us_per_position for each in alone),
                p50_ms=median(each.latency_us.p50 for each in rounds) / 1000,
                p99_ms=median(each.latency_us.p99 for each in rounds) / 1000,
                updates_per_s=median(each.positions_per_s for each in rounds),
                undelivered=sum(max(0, each.fixes * workload.watchers - each.positions) for each in rounds),
            )
        )
    return rows


def targets_of(rows: Sequence[Row], *, rate_per_s: float) -> list[Target]:
    """The same load for each worker, and the same load in all: what one has alone, two share."""
    alone = {row.workload: row.cpu_us_per_update for row in rows if row.server == ONE}
    targets = []
    for server in (TWO, APART):
        several = {row.workload: row for row in rows if row.server == server}
        targets += [
            at_most(f"{server}, {name}: CPU per update, times one worker", row.times_one, TIMES_ONE)
            for name, row in several.items()
        ]
        shared = several[at_each(rate_per_s / WORKERS)].cpu_us_per_update / alone[at_each(rate_per_s)]
        targets.append(at_most(f"{server}, {rate_per_s:.0f} fixes/s in all: times one worker", shared, TIMES_ONE))
    return targets


def print_rows(rows: Sequence[Row]) -> None:
    head = f"{'CPU us/update':>14} {'x one':>6} {'p50 ms':>8} {'p99 ms':>8} {'updates/s':>10}"
    click.echo(f"{'workload':18} {'server':12} {head}")
    for row in rows:
        click.echo(
            f"{row.workload:18} {row.server:12} {row.cpu_us_per_update:14.2f} {row.times_one:6.2f} {row.p50_ms:8.3f}"
            f" {row.p99_ms:8.3f} {row.updates_per_s:10.0f}"
        )


@click.command("several")
@click.option("--smoke", is_flag=True, help="A few sockets for a moment: proves that it runs, measures nothing.")
@click.option("--devices", default=500, show_default=True, help="Technicians on the road, one socket each.")
@click.option("--rate", default=5000.0, show_default=True, help="Fixes per second of the moderate load, a worker.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="Measured time of one workload in one round.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(smoke: bool, devices: int, rate: float, rounds: int, seconds: float, json_path: Path | None) -> None:
    """CPU per delivered update with two workers on Redis, beside one without."""
    if shutil.which("redis-server") is None:
        click.echo("redis-server is not installed: nothing measured")
        return
    if smoke:
        devices, rate, rounds, seconds = 10, 200.0, 1, 0.15
    server_cpu, load_cpu = cores()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-several-")))
        fleet = seed_fleet(folder / "enroute.db", technicians=devices * WORKERS)
        results: dict[tuple[Workload, str], list[LoadResult]] = {}
        for number in range(1, rounds + 1):
            for name in (ONE, TWO, APART):
                workers = 1 if name == ONE else WORKERS
                with ExitStack() as running:
                    server = _serve(running, name, fleet.database, folder, cpu=server_cpu)
                    trips = trips_of(fleet, port=server.port)
                    for workload in workloads(devices=devices, rate_per_s=rate, workers=workers):
                        click.echo(f"round {number}/{rounds}: {workload.name} on {name}", err=True)
                        result = _load(workload, trips, server, cpu=load_cpu, seconds=seconds, smoke=smoke)
                        results.setdefault((workload, name), []).append(result)
    rows = rows_of(results)
    print_rows(rows)
    click.echo()
    cost_us = {row.server: row.cpu_us_per_update for row in rows if row.workload == "1:1"}
    reckoned = {
        name: [capacity(one_us=cost_us[alone], two_us=cost_us[name], workers=workers) for workers in WORKERS_SHOWN]
        for name, alone in ((TWO, TWO), (APART, ONE))
    }
    for name, capacities in reckoned.items():
        for each in capacities:
            click.echo(
                f"{each.workers} {'machines of one' if name == APART else 'workers'} on {each.workers} cores, reckoned:"
                f" {each.cpu_us_per_update:.1f} us, {each.updates_per_s:.0f} updates/s"
            )
    machine = forgetting(cpu=server_cpu)
    click.echo(f"the machine: {machine}")
    targets = targets_of(rows, rate_per_s=rate)
    print_targets(targets, smoke=smoke)
    if json_path:
        json_path.write_bytes(as_json({"rows": rows, "reckoned": reckoned, "machine": machine}))


def _serve(stack: ExitStack, name: str, database: Path, folder: Path, *, cpu: int | None) -> Server:
    if name == ONE:
        return stack.enter_context(serve_enroute(database, cpu=cpu))
    redis = stack.enter_context(serve_redis(folder, cpu=cpu))
    settings = {
        "ENROUTE_REDIS": f"redis://127.0.0.1:{redis.port}",
        "ENROUTE_WORKERS": str(WORKERS),
        "ENROUTE_GATHER": "off" if name == APART else "auto",
    }
    server = stack.enter_context(serve_enroute(database, cpu=cpu, settings=settings))
    supervisor = server.pids[0]
    return Server(server.name, server.port, (supervisor, *children_of(supervisor), *redis.pids))


def _load(
    workload: Workload, trips: Sequence[TripAccess], server: Server, *, cpu: int | None, seconds: float, smoke: bool
) -> LoadResult:
    return run_load(
        workload,
        trips=trips,
        port=server.port,
        server_pids=server.pids,
        cpu=cpu,
        seconds=seconds,
        warmup_s=0.2 if smoke else 1.5,
    )


if __name__ == "__main__":
    main()
