"""Runs every workload on every server in turn, after seeing that each server really delivers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click
import msgspec

from benchmarks.loading import LoadFailed, LoadResult, Workload, run_plan
from benchmarks.process import TooFewFiles, allow_open_files, load_of
from benchmarks.serving import Server

SPARE_FILES = 64
CHECK_S = 1.2
"""Two of Enroute's boards, which come twice a second."""
QUIET_SHARE = 0.05
"""Of one core, all servers together; what an idle event loop or a garbage collector may take."""
QUIET_WITHIN_S = 10.0
OWED_FIXES = 2
"""Open loop: fixes that may be due and not yet sent when a run ends; of a dozen in a short one it is a sixth."""
UNSEEN_FIXES = 64
"""Open loop: fixes that may be under way when the counting begins or ends, besides those the latency accounts for."""


class Contestant(msgspec.Struct, frozen=True):
    """A server to measure. `plan` gives the sockets of a workload whose updates are filled up to so many bytes."""

    server: Server
    version: str
    plan: Callable[[Workload, int], Iterable[str]]

    @property
    def name(self) -> str:
        return self.server.name


class Measured(msgspec.Struct):
    """What the rounds of one workload gave on one server; `failures` are rounds that gave nothing.

    `others_busy`: for each result the share of the server's core that somebody else had meanwhile, handshakes
    included; empty when the server is held to no core.
    """

    results: list[LoadResult] = []
    others_busy: list[float] = []
    failures: list[str] = []


class DoesNotDeliver(RuntimeError):
    """A server runs, but not everything that devices send reaches the watchers, so its figures would mean nothing."""


def troubles_of(workload: Workload, result: LoadResult) -> list[str]:
    """What makes the figures of a run doubtful: updates that did not arrive, or arrived twice, or closed sockets."""
    expected = result.fixes * workload.watchers
    if workload.rate_per_s is None:
        under_way = workload.trips * workload.watchers
    else:
        unseen = result.fixes_per_s * result.latency_us.p99 / 1e6 + UNSEEN_FIXES
        under_way = int(unseen * workload.watchers)
    found = []
    if result.closings:
        found.append("sockets closed: " + ", ".join(f"{count} with {code}" for code, count in result.closings.items()))
    if result.unanswered:
        found.append(f"{result.unanswered} fixes did not reach all their watchers")
    if expected - result.positions > under_way:
        found.append(f"{expected - result.positions} of {expected} updates missing")
    if result.positions - expected > under_way:
        found.append(f"{result.positions - expected} updates too many")
    if result.errors:
        found.append(f"{result.errors} errors or updates of another trip")
    if workload.rate_per_s is not None and result.fixes + OWED_FIXES < 0.95 * workload.rate_per_s * result.seconds:
        found.append(f"only {result.fixes_per_s:.0f} of {workload.rate_per_s:.0f} fixes/s left")
    return found


def check(contestant: Contestant, workload: Workload, *, update_bytes: int, load_cpu: int | None) -> LoadResult:
    """A moment of a workload before anything is measured. Raises DoesNotDeliver with the reason."""
    try:
        result = run_on(
            contestant, workload, update_bytes=update_bytes, load_cpu=load_cpu, seconds=CHECK_S, warmup_s=0.2
        )
    except LoadFailed as failure:
        raise DoesNotDeliver(str(failure)) from None
    if troubles := troubles_of(workload, result):
        raise DoesNotDeliver("; ".join(troubles))
    return result


def measure(
    workloads: Sequence[Workload],
    contestants: Sequence[Contestant],
    *,
    update_bytes: dict[str, int],
    rounds: int,
    seconds: float,
    warmup_s: float,
    server_cpu: int | None,
    load_cpu: int | None,
) -> dict[tuple[str, str], Measured]:
    """By workload and server. Each round begins with another server, so that none always comes after the same one."""
    measured = {(workload.name, each.name): Measured() for workload in workloads for each in contestants}
    for number in range(rounds):
        turn = number % max(1, len(contestants))
        for workload in workloads:
            for contestant in [*contestants[turn:], *contestants[:turn]]:
                click.echo(f"round {number + 1}/{rounds}: {workload.name} on {contestant.name}", err=True)
                outcome = measured[workload.name, contestant.name]
                settle(contestants)
                size = update_bytes[workload.view]
                before, began = _core_and_server_s(server_cpu, contestant), time.monotonic()
                try:
                    allow_open_files(workload.sockets + SPARE_FILES)
                    result = run_on(
                        contestant,
                        workload,
                        update_bytes=size,
                        load_cpu=load_cpu,
                        seconds=max(seconds, CHECK_S) if workload.view == "fleet" else seconds,
                        warmup_s=warmup_s,
                    )
                except (LoadFailed, TooFewFiles) as failure:
                    outcome.failures.append(str(failure))
                    continue
                outcome.results.append(result)
                if server_cpu is not None:
                    core_s, server_s = _core_and_server_s(server_cpu, contestant)
                    others_s = (core_s - before[0]) - (server_s - before[1])
                    outcome.others_busy.append(max(0.0, others_s / (time.monotonic() - began)))
    return measured


def settle(contestants: Sequence[Contestant]) -> None:
    """Wait until the servers have done what the last load left them to do: theirs is the core of the next one.

    Gives up after a while: one that is never quiet does not hold up the others' measurement.
    """
    deadline = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < deadline:
        before_s, began = _cpu_s(contestants), time.monotonic()
        time.sleep(0.1)  # there is no event for a process that has nothing to do
        if _cpu_s(contestants) - before_s < QUIET_SHARE * (time.monotonic() - began):
            return


def process_tree(pid: int) -> list[int]:
    """The process and its children, whose work is the server's too."""
    pids = [pid]
    for each in pids:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                pids += [int(child) for child in children.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):  # the thread ended while we looked
                continue
    return pids


def _cpu_s(contestants: Sequence[Contestant]) -> float:
    total_s = 0.0
    for contestant in contestants:
        for pid in contestant.server.pids:
            for each in process_tree(pid):
                try:
                    total_s += load_of(each).cpu_s
                except FileNotFoundError:  # ended; the load will say so
                    continue
    return total_s


def _core_and_server_s(cpu: int | None, contestant: Contestant) -> tuple[float, float]:
    """Seconds that the core was busy, whoever it was, and that the server ran."""
    fields = next(
        (line.split()[1:9] for line in Path("/proc/stat").read_text().splitlines() if line.split()[0] == f"cpu{cpu}"),
        ["0"] * 8,
    )
    user, nice, system, _idle, _iowait, irq, softirq, stolen = map(int, fields)
    return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK"), _cpu_s([contestant])


def run_on(
    contestant: Contestant,
    workload: Workload,
    *,
    update_bytes: int,
    load_cpu: int | None,
    seconds: float,
    warmup_s: float,
) -> LoadResult:
    """One run of a workload. Raises LoadFailed."""
    return run_plan(
        workload,
        contestant.plan(workload, update_bytes),
        port=contestant.server.port,
        server_pids=[each for pid in contestant.server.pids for each in process_tree(pid)],
        cpu=load_cpu,
        seconds=seconds,
        warmup_s=warmup_s,
    )
