"""How many system calls does one update take? Watched by strace on the event loop's thread, closed loop, 1:1.

strace makes every call some ten times slower: the counts are right, the times would not be, so none are shown.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import msgspec

from benchmarks.fleet import limit_trips, seed_fleet, trips_of
from benchmarks.loading import TripAccess, Workload, as_json, run_load
from benchmarks.serving import Server, cores, serve_enroute, serve_limit

READS = ("read", "readv", "recvfrom", "recvmsg")
WRITES = ("write", "writev", "sendto", "sendmsg")
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*) = (-?\d+|\?)")
# What a position looks like in the first bytes of a write: ours, and the fix that the C relay passes on.
_POSITION = re.compile(r'\\"type\\":\\"position|\{\\"fixed_at')


class CallsPerUpdate(msgspec.Struct, kw_only=True):
    """Counts of one traced run, from the first position written to the last; the last four are per delivered one."""

    server: str
    positions: int
    reads: float
    position_writes: float
    other_writes: float
    waits: float


class NoStrace(RuntimeError):
    """strace is not installed, or may not attach here."""


def count_calls(server: str, lines: Iterable[str], *, delivered: int) -> CallsPerUpdate:
    """Reads that brought bytes, writes that begin with a position, other writes (acks), and waits for events.

    `delivered` positions were read at the other end; a write may carry several of them.
    """
    calls = Counter[str]()
    upto_last = Counter[str]()
    for line in lines:
        found = _CALL.match(line)
        if found is None or found[3] in ("0", "?") or found[3].startswith("-"):
            continue
        name = found[1]
        if name in WRITES and _POSITION.search(found[2]):
            calls["position"] += 1
            upto_last = calls.copy()
        elif calls["position"]:
            # What comes before the first position is the handshakes.
            calls["read" if name in READS else "write" if name in WRITES else "wait"] += 1
    if not upto_last or not delivered:
        raise NoStrace(f"strace saw no position written by {server}")
    return CallsPerUpdate(
        server=server,
        positions=delivered,
        reads=upto_last["read"] / delivered,
        position_writes=upto_last["position"] / delivered,
        other_writes=upto_last["write"] / delivered,
        waits=upto_last["wait"] / delivered,
    )


@contextmanager
def traced(pid: int, output: Path) -> Iterator[None]:
    """strace on the main thread of `pid`, written to `output`."""
    if shutil.which("strace") is None:
        raise NoStrace("strace is missing; on Debian: apt-get install strace")
    wanted = ",".join(f"?{name}" for name in (*READS, *WRITES, *WAITS))
    command = ["strace", "-qqq", "-s", "48", "-e", f"trace={wanted}", "-o", str(output), "-p", str(pid)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        _wait_until_attached(process, pid)
        yield
    finally:
        process.terminate()
        process.communicate()


def _wait_until_attached(process: subprocess.Popen[str], pid: int) -> None:
    status = Path(f"/proc/{pid}/status")
    while process.poll() is None:
        if f"TracerPid:\t{process.pid}\n" in status.read_text():
            return
    assert process.stderr is not None
    raise NoStrace(f"strace could not attach: {process.stderr.read().strip()}")


def measure(
    server: Server, trips: Sequence[TripAccess], *, devices: int, seconds: float, load_cpu: int | None
) -> CallsPerUpdate:
    workload = Workload(name="1:1", trips=devices, watchers=1)
    with tempfile.TemporaryDirectory(prefix="enroute-strace-") as folder:
        output = Path(folder) / "calls"
        with traced(server.pids[0], output):
            result = run_load(
                workload,
                trips=trips,
                port=server.port,
                server_pids=(),
                cpu=load_cpu,
                seconds=seconds,
                warmup_s=0.0,
            )
        with output.open() as lines:
            return count_calls(server.name, lines, delivered=result.positions)


@click.command("syscalls")
@click.option("--smoke", is_flag=True, help="A moment: proves that it runs.")
@click.option("--devices", default=20, show_default=True, help="Technicians, each with one watcher.")
@click.option("--seconds", default=3.0, show_default=True)
@click.option("--only", "servers", type=click.Choice(["limit", "enroute"]), multiple=True, help="Leave the other out.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(smoke: bool, devices: int, seconds: float, servers: tuple[str, ...], json_path: Path | None) -> None:
    """System calls per delivered position (needs strace)."""
    if smoke:
        devices, seconds = 3, 0.5
    server_cpu, load_cpu = cores()
    wanted = servers or ("limit", "enroute")
    rows = []
    try:
        with ExitStack() as stack:
            if "limit" in wanted:
                server = stack.enter_context(serve_limit(cpu=server_cpu))
                rows.append(measure(server, limit_trips(devices), devices=devices, seconds=seconds, load_cpu=load_cpu))
            if "enroute" in wanted:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-benchmark-")))
                fleet = seed_fleet(folder / "enroute.db", technicians=devices)
                server = stack.enter_context(serve_enroute(fleet.database, cpu=server_cpu))
                trips = trips_of(fleet, port=server.port)
                rows.append(measure(server, trips, devices=devices, seconds=seconds, load_cpu=load_cpu))
    except NoStrace as reason:
        if not smoke:
            raise click.ClickException(str(reason)) from None
        click.echo(f"not measured: {reason}")
    click.echo(
        f"{'server':10} {'positions':>9} {'reads':>7} {'writes':>7} {'other writes':>13} {'waits':>7}   per position"
    )
    for row in rows:
        click.echo(
            f"{row.server:10} {row.positions:9} {row.reads:7.3f} {row.position_writes:7.3f}"
            f" {row.other_writes:13.3f} {row.waits:7.3f}"
        )
    if json_path:
        json_path.write_bytes(as_json(rows))


if __name__ == "__main__":
    main()
