"""What does a watcher cost to whom nothing happens, how fast do they come in, and does the event loop ever stand still?

Watchers as the page opens them: with a proof of their own, with compression offered, with a hello. Once dealt out over
many visits, once all on one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import click
import msgspec

from benchmarks.crowd import Crowd, Spread, started_crowd
from benchmarks.fleet import DISPATCHER, PASSWORD, Fleet, seed_fleet, trips_of
from benchmarks.forgetting import forgetting
from benchmarks.http_client import signed_in
from benchmarks.loading import TripAccess, as_json
from benchmarks.probe import Phase, Phases, Probe, started_probe
from benchmarks.process import Memory, allow_open_files, held_to, load_of, memory_of
from benchmarks.proofs import Proof, Watcher, watchers_of
from benchmarks.serving import Server, cores, serve_enroute
from benchmarks.targets import Target, at_least, at_most, print_targets

Spreading = Literal["visits", "one"]

BYTES_PER_WATCHER = 2_500
HANDSHAKES_PER_CPU_S = 3_000
LONGEST_STALL_MS = 5.0
WARM_UP_WATCHERS = 100
"""Opened and closed before anything is measured: what the server loads once is not the cost of a watcher."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    watchers: int
    visits: int
    proof: Proof
    in_flight: int
    settle_s: float
    wait_s: float
    publish_s: float
    publishes_per_s: float


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of the server's memory per watcher, against the same server without them."""

    rss: float
    pss: float
    private: float


class IdleResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run. The wall rate and the CPU of the handshakes include the hello and the welcome."""

    spread: Spreading
    proof: Proof
    watchers: int
    visits: int
    compression_accepted: int
    handshakes_per_cpu_s: float
    handshakes_per_wall_s: float
    cpu_us_per_handshake: float
    welcome_us: Spread
    idle_cpu_share: float
    settled: Growth
    later: Growth
    phases: list[Phase]
    published: int
    positions: int
    publish_latency_us: Spread
    seq_regressions: int


def growth(before: Memory, after: Memory, watchers: int) -> Growth:
    return Growth(
        rss=(after.rss - before.rss) / watchers,
        pss=(after.pss - before.pss) / watchers,
        private=(after.private - before.private) / watchers,
    )


def measure(
    spread: Spreading,
    plan: Plan,
    *,
    fleet: Fleet,
    server_cpu: int | None,
    load_cpu: int | None,
) -> IdleResult:
    """On a server of its own, so that no earlier crowd has made room in its memory."""
    with serve_enroute(fleet.database, cpu=server_cpu) as server:
        # The last visit is the probe's: nothing is published to it.
        *trips, quiet = trips_of(fleet, port=server.port)
        used = trips if spread == "visits" else trips[:1]
        appointments = [trip.appointment_id for trip in used]
        watchers = watchers_of(appointments, count=plan.watchers, proof=plan.proof, port=server.port)
        warm_up(used, watchers[:WARM_UP_WATCHERS], server=server, cpu=load_cpu)
        _, cookie = signed_in(server.port, email=DISPATCHER, password=PASSWORD)

        def probe() -> AbstractContextManager[Probe]:
            header = f"Cookie: {cookie}"
            return started_probe(
                quiet.appointment_id, header=header, cpu=load_cpu, server=server, server_cpu=server_cpu
            )

        with started_crowd(used, watchers, port=server.port, cpu=load_cpu) as crowd:
            return _measure(spread, plan, crowd=crowd, probe=probe, pid=server.pids[0], visits=len(used))


def warm_up(trips: Sequence[TripAccess], watchers: Sequence[Watcher], *, server: Server, cpu: int | None) -> None:
    with started_crowd(trips, watchers, port=server.port, cpu=cpu) as crowd:
        crowd.dial()
        crowd.publish(len(trips) * 2.0)
        crowd.run(1.0)


def _measure(
    spread: Spreading,
    plan: Plan,
    *,
    crowd: Crowd,
    probe: Callable[[], AbstractContextManager[Probe]],
    pid: int,
    visits: int,
) -> IdleResult:
    crowd.dial(who="devices")
    crowd.publish(visits * 2.0)
    crowd.run(1.0)
    crowd.publish(0)
    crowd.run(plan.settle_s)
    with probe() as probing:
        phases = Phases(pid, probing)
        crowd.run(plan.settle_s)
        phases.end_phase("no watchers yet", seconds=plan.settle_s)

    # Without the probe: what it costs the server would count as a handshake's.
    before, cpu_before = memory_of(pid), load_of(pid).cpu_s
    click.echo(f"{spread}: {plan.watchers} handshakes", err=True)
    opening = crowd.dial(in_flight=plan.in_flight, who="watchers")
    opened_cpu = load_of(pid).cpu_s
    handshake_cpu_s = opened_cpu - cpu_before
    click.echo(f"{spread}: idle for {plan.settle_s + plan.wait_s:.0f} s", err=True)
    crowd.run(plan.settle_s)
    settled = memory_of(pid)
    idle_cpu_share = (load_of(pid).cpu_s - opened_cpu) / plan.settle_s

    with probe() as probing:
        phases.begin(probing)
        crowd.run(plan.wait_s)
        phases.end_phase("idle", seconds=plan.wait_s)
        later = memory_of(pid)
        click.echo(f"{spread}: publishing to all", err=True)
        crowd.publish(visits * plan.publishes_per_s)
        told = crowd.run(plan.publish_s)
        crowd.publish(0)
        # What was published last must arrive before anybody asks whether something went wrong.
        after = crowd.run(1.0)
        phases.end_phase("publishing to all", seconds=told.seconds + after.seconds)
    return IdleResult(
        spread=spread,
        proof=plan.proof,
        watchers=plan.watchers,
        visits=visits,
        compression_accepted=opening.compressed,
        handshakes_per_cpu_s=opening.welcomed / handshake_cpu_s,
        handshakes_per_wall_s=opening.welcomed / opening.seconds,
        cpu_us_per_handshake=handshake_cpu_s / opening.welcomed * 1e6,
        welcome_us=opening.welcome_us,
        idle_cpu_share=idle_cpu_share,
        settled=growth(before, settled, plan.watchers),
        later=growth(before, later, plan.watchers),
        phases=phases.phases,
        published=told.fixes + after.fixes,
        positions=told.positions + after.positions,
        publish_latency_us=told.latency_us,
        seq_regressions=after.seq_regressions,
    )


def print_result(result: IdleResult) -> None:
    where = f"{result.watchers} watchers on {result.visits} visit{'s' if result.visits > 1 else ''} ({result.proof})"
    click.echo(f"\n{where}")
    click.echo(
        f"  handshakes: {result.handshakes_per_cpu_s:.0f} per s of CPU ({result.cpu_us_per_handshake:.0f} us each),"
        f" {result.handshakes_per_wall_s:.0f} per s of wall time, welcome p50 {result.welcome_us.p50 / 1000:.1f} ms,"
        f" p99 {result.welcome_us.p99 / 1000:.1f} ms; compression accepted: {result.compression_accepted}"
    )
    for name, grown in (("settled", result.settled), ("later", result.later)):
        click.echo(
            f"  memory {name:8} {grown.rss:7.0f} bytes RSS, {grown.pss:7.0f} PSS, {grown.private:7.0f} private"
            " per watcher"
        )
    click.echo(f"  the server used {result.idle_cpu_share:.1%} of its core while nothing happened")
    click.echo(
        f"  {'phase':18} {'ping p50':>9} {'p99.9':>8} {'max ms':>8} {'healthz p50':>12} {'p99.9':>8} {'max ms':>8}"
        f" {'server':>7} {'kept waiting':>13} {'max':>8} {'paused max':>11}"
    )
    for phase in result.phases:
        ping, health = phase.probed.ping_us, phase.probed.health_us
        click.echo(
            f"  {phase.name:18} {ping.p50 / 1000:9.2f} {ping.p999 / 1000:8.2f} {ping.max / 1000:8.2f}"
            f" {health.p50 / 1000:12.2f} {health.p999 / 1000:8.2f} {health.max / 1000:8.2f}"
            f" {phase.cpu_share:7.0%} {phase.kept_waiting_ms:10.1f} ms {phase.probed.others_us.max / 1000:8.2f}"
            f" {phase.probed.pauses_us.max / 1000:8.2f} ms"
            f"{'  others used its core: these stalls may be theirs' if phase.is_disturbed else ''}"
        )
    click.echo(
        f"  {result.published} fixes published, read {result.positions} times:"
        f" latency p50 {result.publish_latency_us.p50 / 1000:.2f} ms, p99 {result.publish_latency_us.p99 / 1000:.2f} ms"
    )


def targets_of(result: IdleResult) -> list[Target]:
    where = "many visits" if result.spread == "visits" else "one visit"
    at_rest = [phase.probed.longest_ms for phase in result.phases if phase.name in ("idle", "publishing to all")]
    return [
        at_most(f"{where}: resident per watcher, settled", result.settled.rss, BYTES_PER_WATCHER, "B"),
        at_most(f"{where}: resident per watcher, later", result.later.rss, BYTES_PER_WATCHER, "B"),
        at_least(f"{where}: handshakes per s of CPU", result.handshakes_per_cpu_s, HANDSHAKES_PER_CPU_S),
        at_most(f"{where}: longest stall, idle or publishing", max(at_rest), LONGEST_STALL_MS, "ms"),
        at_most(f"{where}: compression accepted", result.compression_accepted, 0),
        at_most(f"{where}: regressions of seq", result.seq_regressions, 0),
    ]


@click.command("idle")
@click.option("--smoke", is_flag=True, help="A few dozen sockets for seconds: proves that it runs, measures nothing.")
@click.option("--watchers", default=10_000, show_default=True)
@click.option("--visits", default=500, show_default=True, help="Visits that the watchers are dealt out over.")
@click.option("--spread", "spreads", type=click.Choice(["visits", "one"]), multiple=True, help="Leave the other out.")
@click.option("--proof", type=click.Choice(["link", "session"]), default="link", show_default=True)
@click.option("--in-flight", default=64, show_default=True, help="Handshakes under way at a time.")
@click.option("--wait", "wait_s", default=30.0, show_default=True, help="Seconds before memory is read again.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the results here."
)
def main(
    smoke: bool,
    watchers: int,
    visits: int,
    spreads: tuple[Spreading, ...],
    proof: Proof,
    in_flight: int,
    wait_s: float,
    json_path: Path | None,
) -> None:
    """Handshakes per second, memory of an idle watcher, longest stall of the event loop."""
    plan = Plan(
        watchers=40 if smoke else watchers,
        visits=4 if smoke else visits,
        proof=proof,
        in_flight=in_flight,
        settle_s=0.3 if smoke else 3.0,
        wait_s=0.3 if smoke else wait_s,
        publish_s=0.5 if smoke else 10.0,
        publishes_per_s=2.0,
    )
    allow_open_files(plan.watchers + plan.visits + 500)
    server_cpu, load_cpu = cores()
    with held_to(load_cpu), tempfile.TemporaryDirectory(prefix="enroute-benchmark-") as folder:
        click.echo(f"seeding {plan.visits + 1} visits", err=True)
        fleet = seed_fleet(Path(folder) / "enroute.db", technicians=plan.visits + 1)
        results = [
            measure(spread, plan, fleet=fleet, server_cpu=server_cpu, load_cpu=load_cpu)
            for spread in spreads or ("visits", "one")
        ]
    for result in results:
        print_result(result)
    machine = forgetting(cpu=server_cpu)
    click.echo(f"\nthe machine: {machine}")
    targets = [target for result in results for target in targets_of(result)]
    print_targets(targets, smoke=smoke)
    if json_path:
        json_path.write_bytes(as_json({"results": results, "machine": machine, "targets": targets}))


if __name__ == "__main__":
    main()
