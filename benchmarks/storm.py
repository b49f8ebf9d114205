"""When everybody loses the connection at once: how long until all are back and see where the technician is now?

All watchers are reset by their own side, as when a mobile network stumbles; or the server drains on SIGTERM and comes
back. They return as the page does, while the devices go on.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import median
from typing import Literal

import click
import msgspec

from benchmarks.crowd import Crowd, Heard, Spread, started_crowd
from benchmarks.fleet import DISPATCHER, PASSWORD, seed_fleet, trips_of
from benchmarks.http_client import signed_in
from benchmarks.loading import as_json
from benchmarks.probe import Probe, Probed, started_probe
from benchmarks.process import allow_open_files, held_to, load_of
from benchmarks.proofs import Proof, watchers_of
from benchmarks.restarting import RestartableServer
from benchmarks.serving import cores
from benchmarks.targets import Target, at_least, at_most, print_targets

Mode = Literal["reset", "restart"]

ALL_BACK_S = 10.0
BACK_AFTER_RESTART_S = 20.0
"""The longest wait of the page: who tried in vain while the server was away waits up to this."""
PATIENCE_S = 90.0
"""What is not back by then counts as lost."""


class StormResult(msgspec.Struct, frozen=True, kw_only=True):
    """One storm. Times count from the reset, or from the SIGTERM; `newest_us` is when a watcher held a position as new
    as the newest its device had handed over when it was let in. The counts of what must not happen are of this storm.
    """

    mode: Mode
    number: int
    watchers: int
    welcomed: int
    on_newest: int
    seconds: float
    welcomed_us: Spread
    newest_us: Spread
    attempts: int
    refused: int
    closed_early: int
    stayed_away: int
    statuses: dict[str, int]
    closings: dict[str, int]
    server_cpu_s: float | None
    server_busy: float | None
    load_busy: float
    probed: Probed | None
    drain_s: float | None
    away_s: float | None
    exit_code: int | None
    fixes: int
    positions: int
    seq_regressions: int
    seq_repeats: int
    older_positions: int
    older_after_restart: int


class Wrongs(msgspec.Struct, frozen=True):
    """The crowd counts them from its beginning; a storm is what came between two readings."""

    seq_regressions: int
    seq_repeats: int
    older_positions: int
    older_after_restart: int


def wrongs_of(heard: Heard) -> dict[str, int]:
    return {name: getattr(heard, name) for name in Wrongs.__struct_fields__}


def storm_result(
    mode: Mode, number: int, storm: Heard, *, before: Heard, after: Heard, **server: object
) -> StormResult:
    """`before` and `after` are the quiet spans around the storm: what the last frames of it do wrong comes late."""
    earlier, later = wrongs_of(before), wrongs_of(after)
    fields = {
        "mode": mode,
        "number": number,
        "watchers": storm.watchers,
        "welcomed": storm.back_us.count,
        "on_newest": storm.current_us.count,
        "seconds": storm.seconds,
        "welcomed_us": storm.back_us,
        "newest_us": storm.current_us,
        "attempts": storm.dialed,
        "load_busy": storm.load_cpu_s / storm.seconds,
    }
    same = ("refused", "closed_early", "stayed_away", "statuses", "closings", "fixes", "positions")
    fields |= {name: getattr(storm, name) for name in same}
    fields |= {name: later[name] - earlier[name] for name in later}
    return msgspec.convert(msgspec.to_builtins(fields | server), StormResult)


def reset_storm(crowd: Crowd, probe: Probe, *, pid: int, number: int, settle_s: float) -> StormResult:
    before = crowd.run(settle_s)
    probe.look()
    cpu_s = load_of(pid).cpu_s
    storm = crowd.reset(within_s=PATIENCE_S)
    cpu_s = load_of(pid).cpu_s - cpu_s
    probed = probe.look()
    after = crowd.run(settle_s)
    return storm_result(
        "reset",
        number,
        storm,
        before=before,
        after=after,
        server_cpu_s=cpu_s,
        server_busy=cpu_s / storm.seconds,
        probed=probed,
        drain_s=None,
        away_s=None,
        exit_code=None,
    )


def restart_storm(crowd: Crowd, server: RestartableServer, *, number: int, settle_s: float) -> StormResult:
    before = crowd.run(settle_s)
    crowd.tell(f"return {PATIENCE_S}")
    began_s = time.monotonic()
    exit_code = server.stop()
    drained_s = time.monotonic() - began_s
    server.start()
    away_s = time.monotonic() - began_s
    storm = crowd.answer()
    after = crowd.run(settle_s)
    return storm_result(
        "restart",
        number,
        storm,
        before=before,
        after=after,
        # The CPU of the new process alone, from its first instruction on.
        server_cpu_s=load_of(server.server.pids[0]).cpu_s,
        server_busy=None,
        probed=None,
        drain_s=drained_s,
        away_s=away_s,
        exit_code=exit_code,
    )


def print_results(results: Sequence[StormResult]) -> None:
    click.echo(
        f"\n{'storm':10} {'newest p50':>10} {'p99':>7} {'max s':>7} {'welcome max':>11} {'on newest':>15}"
        f" {'attempts':>8} {'refused':>7} {'early':>6} {'CPU s':>6} {'load':>5} {'ping max':>9}"
        f" {'away s':>7}  {'seq back/twice':>14}"
    )
    for result in results:
        newest = result.newest_us
        cpu = "" if result.server_cpu_s is None else f"{result.server_cpu_s:.1f}"
        ping = "" if result.probed is None else f"{result.probed.ping_us.max / 1000:.1f} ms"
        away = "" if result.away_s is None else f"{result.away_s:.1f}"
        click.echo(
            f"{result.mode + ' ' + str(result.number):10} {newest.p50 / 1e6:10.2f} {newest.p99 / 1e6:7.2f}"
            f" {newest.max / 1e6:7.2f} {result.welcomed_us.max / 1e6:11.2f}"
            f" {f'{result.on_newest}/{result.watchers}':>15} {result.attempts:8} {result.refused:7}"
            f" {result.closed_early:6} {cpu:>6} {result.load_busy:5.0%} {ping:>9} {away:>7}"
            f"  {f'{result.seq_regressions}/{result.seq_repeats}':>14}"
            f"{f'  closed: {result.closings}' if result.closings else ''}"
            f"{f'  refused with: {result.statuses}' if result.statuses else ''}"
        )


def targets_of(results: Sequence[StormResult]) -> list[Target]:
    targets = []
    for mode in ("reset", "restart"):
        storms = [result for result in results if result.mode == mode]
        if not storms:
            continue
        missing = sum(storm.watchers - storm.on_newest for storm in storms)
        slowest_s = [storm.newest_us.max / 1e6 - (storm.away_s or 0) for storm in storms]
        since, bound_s = ("the reset", ALL_BACK_S) if mode == "reset" else ("it is back", BACK_AFTER_RESTART_S)
        targets += [
            at_most(f"{mode}: watchers not back on the newest position", missing, 0),
            at_most(f"{mode}: all on the newest position since {since}", median(slowest_s), bound_s, "s"),
            at_most(f"{mode}: regressions of seq", sum(storm.seq_regressions for storm in storms), 0),
            at_most(f"{mode}: a seq told twice", sum(storm.seq_repeats for storm in storms), 0),
            at_most(f"{mode}: an older position in the same epoch", sum(s.older_positions for s in storms), 0),
            at_most(f"{mode}: watchers told to stay away", sum(storm.stayed_away for storm in storms), 0),
        ]
        if mode == "reset":
            # Evenly spread over 0.5 to 6 s, half of them are back after some 3.25 s.
            median_s = median(storm.newest_us.p50 / 1e6 for storm in storms)
            targets.append(at_least("reset: median return (spread by jitter)", median_s, 2.0, "s"))
    return targets


@click.command("storm")
@click.option("--smoke", is_flag=True, help="A few dozen sockets, one storm each: proves that it runs.")
@click.option("--watchers", default=10_000, show_default=True)
@click.option("--visits", default=500, show_default=True, help="Visits that the watchers are dealt out over.")
@click.option("--rate", default=250.0, show_default=True, help="Fixes per second, all devices together.")
@click.option("--rounds", default=3, show_default=True, help="Storms of each kind.")
@click.option("--mode", "modes", type=click.Choice(["reset", "restart"]), multiple=True, help="Leave the other out.")
@click.option("--proof", type=click.Choice(["link", "session"]), default="link", show_default=True)
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the results here."
)
def main(
    smoke: bool,
    watchers: int,
    visits: int,
    rate: float,
    rounds: int,
    modes: tuple[Mode, ...],
    proof: Proof,
    json_path: Path | None,
) -> None:
    """Ten thousand watchers reset at once: time until all are back on the newest position."""
    if smoke:
        watchers, visits, rate, rounds = 40, 4, 20.0, 1
    settle_s = 0.5 if smoke else 3.0
    allow_open_files(watchers + visits + 500)
    server_cpu, load_cpu = cores()
    results: list[StormResult] = []
    with ExitStack() as stack:
        stack.enter_context(held_to(load_cpu))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-benchmark-")))
        click.echo(f"seeding {visits + 1} visits", err=True)
        fleet = seed_fleet(folder / "enroute.db", technicians=visits + 1)
        running = stack.enter_context(RestartableServer(fleet.database, cpu=server_cpu))
        port = running.server.port
        *trips, quiet = trips_of(fleet, port=port)
        everybody = watchers_of([trip.appointment_id for trip in trips], count=watchers, proof=proof, port=port)
        _, cookie = signed_in(port, email=DISPATCHER, password=PASSWORD)
        crowd = stack.enter_context(started_crowd(trips, everybody, port=port, cpu=load_cpu))
        crowd.dial()
        crowd.publish(rate)

        def probe() -> AbstractContextManager[Probe]:
            header = f"Cookie: {cookie}"
            return started_probe(
                quiet.appointment_id, header=header, cpu=load_cpu, server=running.server, server_cpu=server_cpu
            )

        if "reset" in (modes or ("reset",)):
            with probe() as probing:
                for number in range(1, rounds + 1):
                    click.echo(f"reset {number}/{rounds}", err=True)
                    pid = running.server.pids[0]
                    results.append(reset_storm(crowd, probing, pid=pid, number=number, settle_s=settle_s))
        if "restart" in (modes or ("restart",)):
            for number in range(1, rounds + 1):
                click.echo(f"restart {number}/{rounds}", err=True)
                results.append(restart_storm(crowd, running, number=number, settle_s=settle_s))
    print_results(results)
    targets = targets_of(results)
    print_targets(targets, smoke=smoke)
    if json_path:
        json_path.write_bytes(as_json({"results": results, "targets": targets}))


if __name__ == "__main__":
    main()
