"""What does it cost to bring an update from one process to another, everything counted: the process that sends, Redis,
the process that receives? At 1, 10 and 50 updates per blob."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks.process import load_of
from benchmarks.redis_hop_party import MESSAGE_BYTES
from benchmarks.serving import serve_redis
from benchmarks.targets import Target, at_most, print_targets

PER_BLOB = (1, 10, 50)
TARGET_AT = 10
TARGET_US = 8.0
BLOBS_PER_S = 5000
"""What two workers say to each other when a core is full of updates of visits with one watcher each."""
DEADLINE_S = 60.0


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement; µs of CPU per message. `clock_us` is what it takes to wake the sender up for each blob; it is
    not in `sender_us`. `per_blob` is what it came to."""

    wanted_per_blob: int
    per_blob: float
    messages: int
    lost: int
    clock_us: float
    sender_us: float
    redis_us: float
    receiver_us: float

    @property
    def all_us(self) -> float:
        return self.sender_us + self.redis_us + self.receiver_us


class Counted(msgspec.Struct, frozen=True):
    sent: int
    received: int
    blobs: int
    missed: int


class Process:
    """A `redis_hop_party`, spoken to over its pipes."""

    def __init__(self, url: str, *, deadline_s: float) -> None:
        command = [sys.executable, "-m", "benchmarks.redis_hop_party", url]
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


def clock_s(sender: Process, *, blobs_per_s: int, seconds: float) -> float:
    """CPU of a sender that wakes up as often and sends nothing, in seconds per second."""
    sender.say(f"send nobody 0 {1_000_000 // blobs_per_s}")
    time.sleep(min(1.0, seconds / 4))
    before, began_s = load_of(sender.pid).cpu_s, time.monotonic()
    time.sleep(seconds)
    cpu_s, passed_s = load_of(sender.pid).cpu_s - before, time.monotonic() - began_s
    sender.say("stop")
    return cpu_s / passed_s


def measure(
    sender: Process, receiver: Process, redis_pid: int, *, per_blob: int, blobs_per_s: int, seconds: float, clock: float
) -> Hop:
    """`clock` is what `clock_s` found."""
    sender.say(f"send {receiver.node_id} {per_blob} {1_000_000 // blobs_per_s}")
    time.sleep(min(1.0, seconds / 4))
    pids = (sender.pid, redis_pid, receiver.pid)
    began_s = time.monotonic()
    before, counted = [load_of(pid).cpu_s for pid in pids], (sender.count(), receiver.count())
    time.sleep(seconds)
    after, counted_after = [load_of(pid).cpu_s for pid in pids], (sender.count(), receiver.count())
    clock_cpu_s = clock * (time.monotonic() - began_s)
    after[0] -= clock_cpu_s
    sender.say("stop")
    time.sleep(0.05)  # what is under way arrives
    received = counted_after[1].received - counted[1].received
    sender_us, redis_us, receiver_us = (
        (end - begin) * 1e6 / max(received, 1) for begin, end in zip(before, after, strict=True)
    )
    return Hop(
        wanted_per_blob=per_blob,
        per_blob=(counted_after[0].sent - counted[0].sent) / max(counted_after[0].blobs - counted[0].blobs, 1),
        messages=received,
        lost=sender.count().sent - receiver.count().received,
        clock_us=clock_cpu_s * 1e6 / max(received, 1),
        sender_us=sender_us,
        redis_us=redis_us,
        receiver_us=receiver_us,
    )


def targets_of(hops: list[Hop]) -> list[Target]:
    at_ten = [hop.all_us for hop in hops if hop.wanted_per_blob == TARGET_AT]
    return [
        at_most(f"CPU per message at {TARGET_AT} per blob", median(at_ten) if at_ten else None, TARGET_US, "µs"),
        at_most("messages lost", max((hop.lost for hop in hops), default=None), 0),
    ]


@click.command("redis-hop")
@click.option("--smoke", is_flag=True, help="A moment: proves that it runs.")
@click.option("--seconds", default=5.0, show_default=True, help="Of each measurement.")
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
    deadline_s = DEADLINE_S + 2 * rounds * (len(PER_BLOB) + 1) * seconds
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-redis-")))
        redis = stack.enter_context(serve_redis(folder, cpu=None))
        url = f"redis://127.0.0.1:{redis.port}"
        receiver = Process(url, deadline_s=deadline_s)
        stack.callback(receiver.end)
        sender = Process(url, deadline_s=deadline_s)
        stack.callback(sender.end)
        receiver.wait_for(sender)  # which knew the receiver from its beginning
        for _ in range(rounds):
            clock = clock_s(sender, blobs_per_s=blobs_per_s, seconds=seconds)
            for per_blob in PER_BLOB:
                hop = measure(
                    sender,
                    receiver,
                    redis.pids[0],
                    per_blob=per_blob,
                    blobs_per_s=blobs_per_s,
                    seconds=seconds,
                    clock=clock,
                )
                hops.append(hop)
    click.echo(f"µs of CPU per message of {MESSAGE_BYTES} bytes, {blobs_per_s} blobs/s")
    click.echo(
        f"{'per blob':>8} {'came to':>8} {'messages':>9} {'lost':>5}"
        f" {'clock':>8} {'sender':>8} {'redis':>8} {'receiver':>9} {'all':>8}"
    )
    for hop in hops:
        click.echo(
            f"{hop.wanted_per_blob:8} {hop.per_blob:8.1f} {hop.messages:9} {hop.lost:5} {hop.clock_us:8.2f}"
            f" {hop.sender_us:8.2f} {hop.redis_us:8.2f} {hop.receiver_us:9.2f} {hop.all_us:8.2f}"
        )
    targets = targets_of(hops)
    print_targets(targets, smoke=smoke)
    if json_path:
        report = {"hops": hops, "targets": targets}
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


if __name__ == "__main__":
    main()
