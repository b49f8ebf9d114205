"""What does it cost to bring an update from one process to another, everything counted: the process that sends, Redis,
the process that receives? At 1, 10 and 50 updates per blob, read in ticks as by a worker under load, and read whenever
one comes; beside it the same way in C."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Literal

import click
import msgspec

from benchmarks.native import compiled
from benchmarks.process import load_of
from benchmarks.redis_hop_party import MESSAGE_BYTES
from benchmarks.serving import enroute_command, serve_redis
from benchmarks.targets import Target, at_most, print_targets

PER_BLOB = (1, 10, 50)
TARGET_AT = 10
TARGET_US = 8.0
BLOBS_PER_S = 5000
"""What two workers say to each other when a core is full of updates of visits with one watcher each."""
TICK_US = 2000
"""The shortest tick of a worker under load (`tracker.pace`)."""
DEADLINE_S = 60.0

Reading = Literal["ticks", "woken"]
READINGS: tuple[Reading, ...] = ("ticks", "woken")
Way = Literal["Redis", "C"]


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement; µs of CPU per message. `clock_us` is what it takes to wake the sender up for each blob, and the
    receiver for each tick, with nothing to send; it is in none of the others. `per_blob` is what it came to.
    `relay_us` is that of Redis, or of the C program in its place."""

    way: Way
    reading: Reading
    wanted_per_blob: int
    per_blob: float
    messages: int
    lost: int
    clock_us: float
    sender_us: float
    relay_us: float
    receiver_us: float

    @property
    def all_us(self) -> float:
        return self.sender_us + self.relay_us + self.receiver_us


class Counted(msgspec.Struct, frozen=True):
    sent: int
    received: int
    blobs: int
    missed: int


class Spent(msgspec.Struct, frozen=True):
    """CPU seconds of sender, relay and receiver, and the time that passed."""

    cpu_s: tuple[float, float, float]
    passed_s: float

    def without(self, idle: Spent) -> tuple[float, float, float]:
        """What is left of each when what they spent with nothing to send, in as long a time, is taken off."""
        share = self.passed_s / idle.passed_s
        sender_s, relay_s, receiver_s = (a - b * share for a, b in zip(self.cpu_s, idle.cpu_s, strict=True))
        return sender_s, relay_s, receiver_s


class Process:
    """A `redis_hop_party`, spoken to over its pipes."""

    def __init__(self, url: str, *, deadline_s: float) -> None:
        command = enroute_command("benchmark", "redis-hop-party", url)
        folder = Path(__file__).resolve().parent.parent
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=folder
        )
        self.pid = self._process.pid
        # Nothing here takes as long: it hangs, and whoever reads its output is to see an end.
        self._deadline = threading.Timer(deadline_s, self._process.kill)
        self._deadline.daemon = True
        self._deadline.start()
        self.node_id = self._read("ready")[0]

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait_for(self, other: Process) -> None:
        while self._read("joined")[0] != other.node_id:
            pass

    def count(self) -> Counted:
        self.say("count")
        return Counted(*map(int, self._read("count")))

    def end(self) -> None:
        self._deadline.cancel()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self, word: str) -> list[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            first, *rest = line.split()
            if first == word:
                return rest
        raise RuntimeError(f"a process of the benchmark ended with {self._process.wait()}")


def spend(pids: Sequence[int], seconds: float) -> Spent:
    before, began_s = [load_of(pid).cpu_s for pid in pids], time.monotonic()
    time.sleep(seconds)
    sender_s, relay_s, receiver_s = (load_of(pid).cpu_s - cpu_s for pid, cpu_s in zip(pids, before, strict=True))
    return Spent((sender_s, relay_s, receiver_s), time.monotonic() - began_s)


class OverRedis:
    """Two processes of an installation and the Redis between them."""

    def __init__(self, sender: Process, receiver: Process, redis_pid: int, *, blobs_per_s: int, seconds: float) -> None:
        self._sender = sender
        self._receiver = receiver
        self._pids = (sender.pid, redis_pid, receiver.pid)
        self._period_us = 1_000_000 // blobs_per_s
        self._seconds = seconds

    def measure(self, reading: Reading, sizes: Sequence[int]) -> Iterator[Hop]:
        self._receiver.say(f"ticks {TICK_US}" if reading == "ticks" else "woken")
        # It wakes up as often and sends nothing.
        self._sender.say(f"send nobody 0 {self._period_us}")
        time.sleep(min(1.0, self._seconds / 4))
        idle = spend(self._pids, self._seconds)
        self._sender.say("stop")
        for per_blob in sizes:
            yield self._measure(reading, per_blob, idle)

    def _measure(self, reading: Reading, per_blob: int, idle: Spent) -> Hop:
        sender, receiver = self._sender, self._receiver
        sender.say(f"send {receiver.node_id} {per_blob} {self._period_us}")
        time.sleep(min(1.0, self._seconds / 4))
        before = (sender.count(), receiver.count())
        spent = spend(self._pids, self._seconds)
        after = (sender.count(), receiver.count())
        sender.say("stop")
        time.sleep(0.05)  # what is under way arrives
        return hop(
            spent,
            idle,
            way="Redis",
            reading=reading,
            wanted_per_blob=per_blob,
            per_blob=(after[0].sent - before[0].sent) / max(after[0].blobs - before[0].blobs, 1),
            messages=after[1].received - before[1].received,
            lost=sender.count().sent - receiver.count().received,
        )


def measure_c(reading: Reading, per_blob: int, *, blobs_per_s: int, seconds: float) -> Hop:
    """The same way with three C programs that do nothing else."""
    tick_us = TICK_US if reading == "ticks" else 0
    period_us = 1_000_000 // blobs_per_s
    size = per_blob * MESSAGE_BYTES
    with _c_hop(0, period_us, tick_us) as (_, pids):
        idle = spend(pids, seconds)
    with _c_hop(size, period_us, tick_us) as (process, pids):
        time.sleep(min(1.0, seconds / 4))
        before = _arrived(process)
        spent = spend(pids, seconds)
        received = (_arrived(process) - before) / MESSAGE_BYTES
    return hop(
        spent,
        idle,
        way="C",
        reading=reading,
        wanted_per_blob=per_blob,
        per_blob=per_blob,
        messages=round(received),
        lost=0,
    )


def hop(
    spent: Spent,
    idle: Spent,
    *,
    way: Way,
    reading: Reading,
    wanted_per_blob: int,
    per_blob: float,
    messages: int,
    lost: int,
) -> Hop:
    each = 1e6 / max(messages, 1)
    sender_s, relay_s, receiver_s = spent.without(idle)
    return Hop(
        way=way,
        reading=reading,
        wanted_per_blob=wanted_per_blob,
        per_blob=per_blob,
        messages=messages,
        lost=lost,
        clock_us=(sum(spent.cpu_s) - sender_s - relay_s - receiver_s) * each,
        sender_us=sender_s * each,
        relay_us=relay_s * each,
        receiver_us=receiver_s * each,
    )


@contextmanager
def _c_hop(size: int, period_us: int, tick_us: int) -> Iterator[tuple[subprocess.Popen[str], tuple[int, ...]]]:
    command = [str(compiled("hop")), str(size), str(period_us), str(tick_us)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        yield process, tuple(map(int, process.stdout.readline().split()))


def _arrived(process: subprocess.Popen[str]) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def targets_of(hops: Sequence[Hop]) -> list[Target]:
    """However it is read: a worker with little else to do is woken."""
    costs = {
        reading: [
            each.all_us
            for each in hops
            if (each.way, each.reading, each.wanted_per_blob) == ("Redis", reading, TARGET_AT)
        ]
        for reading in READINGS
    }
    return [
        *(
            at_most(f"CPU per message at {TARGET_AT} per blob, {reading}", median(us) if us else None, TARGET_US, "µs")
            for reading, us in costs.items()
        ),
        at_most("messages lost", max((each.lost for each in hops), default=None), 0),
    ]


@click.command("redis-hop")
@click.option("--smoke", is_flag=True, help="A moment: proves that it runs.")
@click.option("--seconds", default=3.0, show_default=True, help="Of each measurement.")
@click.option("--blobs-per-s", default=BLOBS_PER_S, show_default=True, help="Fewer wake everybody up for less.")
@click.option("--rounds", default=3, show_default=True, help="Of all sizes in turn; the table shows each.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(smoke: bool, seconds: float, blobs_per_s: int, rounds: int, json_path: Path | None) -> None:
    """CPU per message from process to process over Redis (needs redis-server)."""
    if smoke:
        seconds, rounds = 0.3, 1
    if shutil.which("redis-server") is None:
        if not smoke:
            raise click.ClickException("redis-server is missing; on Debian: apt-get install redis-server")
        click.echo("not measured: redis-server is missing")
        return
    hops: list[Hop] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-redis-")))
        redis = stack.enter_context(serve_redis(folder, cpu=None))
        url = f"redis://127.0.0.1:{redis.port}"
        deadline_s = DEADLINE_S + 4 * rounds * len(READINGS) * (len(PER_BLOB) + 2) * seconds
        receiver = Process(url, deadline_s=deadline_s)
        stack.callback(receiver.end)
        sender = Process(url, deadline_s=deadline_s)
        stack.callback(sender.end)
        receiver.wait_for(sender)  # which knew the receiver from its beginning
        over_redis = OverRedis(sender, receiver, redis.pids[0], blobs_per_s=blobs_per_s, seconds=seconds)
        for _ in range(rounds):
            for reading in READINGS:
                hops += over_redis.measure(reading, PER_BLOB)
                hops.append(measure_c(reading, TARGET_AT, blobs_per_s=blobs_per_s, seconds=seconds))
    print_hops(hops, blobs_per_s=blobs_per_s)
    targets = targets_of(hops)
    print_targets(targets, smoke=smoke)
    if json_path:
        report = {"hops": hops, "targets": targets}
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


def print_hops(hops: Sequence[Hop], *, blobs_per_s: int) -> None:
    click.echo(f"µs of CPU per message of {MESSAGE_BYTES} bytes, {blobs_per_s} blobs/s")
    click.echo(
        f"{'way':5} {'read':5} {'per blob':>8} {'came to':>8} {'messages':>9} {'lost':>5}"
        f" {'clock':>8} {'sender':>8} {'relay':>8} {'receiver':>9} {'all':>8}"
    )
    for each in sorted(hops, key=lambda each: (each.way == "C", each.reading, each.wanted_per_blob)):
        click.echo(
            f"{each.way:5} {each.reading:5} {each.wanted_per_blob:8} {each.per_blob:8.1f} {each.messages:9}"
            f" {each.lost:5} {each.clock_us:8.2f} {each.sender_us:8.2f} {each.relay_us:8.2f}"
            f" {each.receiver_us:9.2f} {each.all_us:8.2f}"
        )


if __name__ == "__main__":
    main()
