"""A thousand of ten thousand stop reading: what do they cost, when are they cut, and do the others notice?

Rounds in turn, with everybody reading and with the stalled ones, under the same stream of positions. After each round
the stalled ones come back as readers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks.crowd import Crowd, Spread, started_crowd
from benchmarks.fleet import seed_fleet, trips_of
from benchmarks.loading import as_json
from benchmarks.process import allow_open_files, established_on, held_to, load_of, memory_of, open_files_of
from benchmarks.proofs import Watcher, watchers_of
from benchmarks.serving import Server, cores, serve_enroute
from benchmarks.targets import Target, at_most, print_targets

BYTES_PER_STALLED = 64 * 1024
CUT_WITHIN_S = 30.0
OBSERVED_S = 40.0
LOOK_EVERY_S = 1.0
"""Looking takes the load core some milliseconds: rarely enough that a p99 does not show it, and in every round."""
LATENCY_FACTOR, LATENCY_ROOM_MS = 1.1, 1.0


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`latency_us` is that of the watchers who read all the time; shares are of one core. `cut_after_s` is how long
    after it stopped reading the server had let each go, in order. Memory is the server's peak above what it had before.
    """

    stalled: int
    latency_us: Spread
    positions: int
    server_busy: float
    load_busy: float
    kept_waiting_ms: float
    cut_after_s: list[float]
    rss_growth: int
    pss_growth: int
    closings: dict[str, int]
    seq_regressions: int


def observed(crowd: Crowd, server: Server, *, stalled: int, seconds: float) -> Round:
    pid = server.pids[0]
    files, memory, load, connections = open_files_of(pid), memory_of(pid), load_of(pid), established_on(server.port)
    cut_after_s: list[float] = []
    rss = pss = 0
    if stalled:
        crowd.stall()
    began_s = time.monotonic()
    crowd.tell(f"run {seconds}")
    # A client cannot see it: what was not sent yet keeps a closed socket alive in the server's kernel.
    while (after_s := time.monotonic() - began_s) < seconds:
        now = memory_of(pid)
        rss, pss = max(rss, now.rss - memory.rss), max(pss, now.pss - memory.pss)
        cut = min(files - open_files_of(pid), stalled)
        cut_after_s += [round(after_s, 2)] * (cut - len(cut_after_s))
        time.sleep(min(LOOK_EVERY_S, seconds / 5))
    heard = crowd.answer()
    # Open files may be others; the last word is the table of connections.
    cut = connections - established_on(server.port)
    cut_after_s = (cut_after_s + [round(seconds, 2)] * cut)[: max(cut, 0)]
    used = load_of(pid)
    return Round(
        stalled=stalled,
        latency_us=heard.latency_us,
        positions=heard.positions,
        server_busy=(used.cpu_s - load.cpu_s) / heard.seconds,
        load_busy=heard.load_cpu_s / heard.seconds,
        kept_waiting_ms=(used.kept_waiting_s - load.kept_waiting_s) * 1000,
        cut_after_s=cut_after_s,
        rss_growth=rss,
        pss_growth=pss,
        closings=heard.closings,
        seq_regressions=heard.seq_regressions,
    )


def print_rounds(rounds: Sequence[Round]) -> None:
    click.echo(
        f"\n{'round':>5} {'stalled':>7} {'p50 ms':>7} {'p99 ms':>7} {'max ms':>7} {'read':>8} {'server':>7}"
        f" {'load':>5} {'kept waiting':>12} {'cut':>11} {'first':>6} {'last s':>7}"
        f" {'RSS/stalled':>12} {'PSS/stalled':>12}"
    )
    for number, each in enumerate(rounds):
        latency = each.latency_us
        line = (
            f"{number // 2 + 1:5} {each.stalled:7} {latency.p50 / 1000:7.2f} {latency.p99 / 1000:7.2f}"
            f" {latency.max / 1000:7.1f} {each.positions:8} {each.server_busy:7.0%} {each.load_busy:5.0%}"
            f" {each.kept_waiting_ms:9.1f} ms"
        )
        if each.stalled:
            first, last = (each.cut_after_s[0], each.cut_after_s[-1]) if each.cut_after_s else (0.0, 0.0)
            line += (
                f" {f'{len(each.cut_after_s)}/{each.stalled}':>11} {first:6.1f} {last:7.1f}"
                f" {each.rss_growth / each.stalled:10.0f} B {each.pss_growth / each.stalled:10.0f} B"
            )
        click.echo(line + (f"  closed: {each.closings}" if each.closings else ""))


def targets_of(rounds: Sequence[Round]) -> list[Target]:
    quiet, with_stalled = rounds[::2], rounds[1::2]
    alone_ms = median(each.latency_us.p99 for each in quiet) / 1000
    beside_ms = median(each.latency_us.p99 for each in with_stalled) / 1000
    per_stalled = median(each.rss_growth / each.stalled for each in with_stalled)
    left = sum(each.stalled - len(each.cut_after_s) for each in with_stalled)
    last_s = max((each.cut_after_s[-1] for each in with_stalled if each.cut_after_s), default=None)
    bound_ms = LATENCY_FACTOR * alone_ms + LATENCY_ROOM_MS
    return [
        at_most("process memory per stalled reader (median)", per_stalled, BYTES_PER_STALLED, "B"),
        at_most("stalled readers never cut", left, 0),
        at_most("the last of them cut after", last_s, CUT_WITHIN_S, "s"),
        at_most("p99 of the others beside them (1.1 x without + 1 ms)", beside_ms, round(bound_ms, 3), "ms"),
        at_most("regressions of seq", rounds[-1].seq_regressions, 0),
    ]


@click.command("stalled")
@click.option("--smoke", is_flag=True, help="A few dozen sockets, one round of each: proves that it runs.")
@click.option("--watchers", default=10_000, show_default=True, help="All of them, with those who stall.")
@click.option("--stalled", default=1_000, show_default=True)
@click.option("--visits", default=500, show_default=True, help="Visits that the watchers are dealt out over.")
@click.option("--rate", default=1000.0, show_default=True, help="Fixes per second, all devices together.")
@click.option("--rounds", default=5, show_default=True, help="Rounds of each kind, in turn.")
@click.option("--seconds", default=OBSERVED_S, show_default=True, help="One round: longer than a reader may stall.")
@click.option("--receive-buffer", default=4096, show_default=True, help="SO_RCVBUF of those who stall.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rounds here."
)
def main(
    smoke: bool,
    watchers: int,
    stalled: int,
    visits: int,
    rate: float,
    rounds: int,
    seconds: float,
    receive_buffer: int,
    json_path: Path | None,
) -> None:
    """Memory and end of readers that stall, and what the others notice."""
    if smoke:
        watchers, stalled, visits, rate, rounds, seconds = 40, 4, 4, 40.0, 1, 1.0
    allow_open_files(watchers + visits + 500)
    server_cpu, load_cpu = cores()
    done: list[Round] = []
    with ExitStack() as stack:
        stack.enter_context(held_to(load_cpu))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-benchmark-")))
        click.echo(f"seeding {visits} visits", err=True)
        fleet = seed_fleet(folder / "enroute.db", technicians=visits)
        server = stack.enter_context(serve_enroute(fleet.database, cpu=server_cpu))
        trips = trips_of(fleet, port=server.port)
        appointments = [trip.appointment_id for trip in trips]
        everybody = watchers_of(appointments, count=watchers, proof="session", port=server.port)
        # Dealt out over the visits like the others: every technician has readers of both kinds.
        everybody[:stalled] = [Watcher(watcher.trip, watcher.header, "stalled") for watcher in everybody[:stalled]]
        options = ("--stalled-receive-buffer", str(receive_buffer))
        crowd = stack.enter_context(started_crowd(trips, everybody, port=server.port, cpu=load_cpu, options=options))
        crowd.dial()
        crowd.publish(rate)
        settle_s = min(3.0, seconds)
        for number in range(1, rounds + 1):
            click.echo(f"round {number}/{rounds}: all read", err=True)
            crowd.run(settle_s)
            done.append(observed(crowd, server, stalled=0, seconds=seconds))
            click.echo(f"round {number}/{rounds}: {stalled} stop reading", err=True)
            done.append(observed(crowd, server, stalled=stalled, seconds=seconds))
            crowd.revive()
    print_rounds(done)
    targets = targets_of(done)
    print_targets(targets, smoke=smoke)
    if json_path:
        json_path.write_bytes(as_json({"rounds": done, "targets": targets}))


if __name__ == "__main__":
    main()
