"""Drives the C crowd of `c/crowd.c`: thousands of watchers and the devices they follow, in one process."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.loading import TripAccess
from benchmarks.native import compiled
from benchmarks.proofs import Watcher


class CrowdFailed(RuntimeError):
    """The crowd ended before it had answered; the text is what it said."""


class Spread(msgspec.Struct, frozen=True):
    """Durations in microseconds."""

    count: int
    mean: float
    p50: float
    p99: float
    p999: float
    max: float


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the last command was done. `c/crowd_report.c` fills it.

    `back_us` and `current_us` count from the beginning of the command: welcomed again, and in possession of a position
    as new as the newest that the device had handed to its kernel by then. `age_us` samples each watcher 20 times a
    second: now less when the newest position it has seen was sent; `behind_us` is the same against the newest handed
    over. Fixes `withheld` never left because the device's own socket was full, those `unsendable` because it was
    closed; those `ahead` were not offered, as no two fixes of a device may be of the same millisecond.
    The last four count since the crowd began.
    """

    command: str
    seconds: float
    load_cpu_s: float
    dialed: int
    welcomed: int
    refused: int
    closed_early: int
    stayed_away: int
    reset_by_server: int
    compressed: int
    statuses: dict[str, int]
    closings: dict[str, int]
    watchers: int
    open: int
    back_us: Spread
    current_us: Spread
    fixes: int
    withheld: int
    unsendable: int
    ahead: int
    acks: int
    errors: int
    positions: int
    late: int
    other_frames: int
    welcome_us: Spread
    latency_us: Spread
    age_us: Spread
    behind_us: Spread
    send_lag_us: Spread
    age_each_second_us: list[tuple[float, float, float]]
    seq_regressions: int
    seq_repeats: int
    older_positions: int
    older_after_restart: int


class Crowd:
    """A running crowd. One command at a time: `tell` begins it, `answer` waits for its end."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._process = process
        self._errors = errors

    def dial(self, *, in_flight: int = 64, who: str = "") -> Heard:
        """Open what is closed; `who` is devices, watchers, or everybody."""
        return self._do(f"dial {in_flight} {who}")

    def publish(self, rate_per_s: float, *, burst: int = 1) -> None:
        """Fixes leave by the clock from now on, all devices together; 0 ends it."""
        self.tell(f"publish {rate_per_s} {burst}")
        self._line()

    def run(self, seconds: float) -> Heard:
        return self._do(f"run {seconds}")

    def reset(self, *, within_s: float) -> Heard:
        """Cut every watcher at once and wait until all are back and current, or the time is over."""
        return self._do(f"reset {within_s}")

    def stall(self) -> Heard:
        """The watchers with the role `stalled` stop reading."""
        return self._do("stall")

    def revive(self, *, in_flight: int = 64) -> Heard:
        """They come back, as readers."""
        return self._do(f"revive {in_flight}")

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise CrowdFailed(self._words()) from None

    def answer(self) -> Heard:
        """Raises CrowdFailed when the crowd ended instead."""
        return msgspec.json.decode(self._line(), type=Heard)

    def _do(self, command: str) -> Heard:
        self.tell(command)
        return self.answer()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CrowdFailed(self._words())
        return line

    def _words(self) -> str:
        self._process.wait()
        return self._errors.read_text(errors="replace").strip() or f"the crowd ended with {self._process.returncode}"


def crowd_lines(trips: Sequence[TripAccess], watchers: Iterable[Watcher]) -> Iterator[str]:
    """The sockets to open, in the crowd's own format: a device for each trip, then the watchers."""
    for number, trip in enumerate(trips):
        place = f"{trip.lat:.7f}\t{trip.lon:.7f}\t{trip.bearing_deg:.1f}"
        yield f"device\t{number}\t/ws/device\t{place}\tAuthorization: Bearer {trip.device_token}"
    for watcher in watchers:
        path = f"/ws/appointments/{trips[watcher.trip].appointment_id}"
        yield f"{watcher.role}\t{watcher.trip}\t{path}\tSec-WebSocket-Protocol: enroute.v1.json\t{watcher.header}"


@contextmanager
def started_crowd(
    trips: Sequence[TripAccess],
    watchers: Sequence[Watcher],
    *,
    port: int,
    cpu: int | None,
    options: Sequence[str] = (),
) -> Iterator[Crowd]:
    """A crowd for the server at 127.0.0.1:port; nothing is open yet. At the end all its sockets go at once."""
    with tempfile.TemporaryDirectory(prefix="enroute-crowd-") as folder:
        plan, errors = Path(folder) / "plan.tsv", Path(folder) / "errors"
        plan.write_text("\n".join(crowd_lines(trips, watchers)) + "\n")
        command = [str(compiled("crowd")), "--plan", str(plan), "--port", str(port), *options]
        if cpu is not None:
            command += ["--cpu", str(cpu)]
        with errors.open("wb") as told:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, text=True, bufsize=1
            )
        try:
            yield Crowd(process, errors)
        finally:
            ended(process)


def ended(process: subprocess.Popen[str]) -> None:
    """End a program that ends with its input, and take it away."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.close()
        process.wait(timeout=5)
    except (BrokenPipeError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
    process.stdout.close()
