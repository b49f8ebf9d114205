"""Asks the server's event loop from outside how long it lets somebody wait: `c/probe.c`, in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benchmarks.crowd import Spread, ended
from benchmarks.native import compiled
from benchmarks.process import load_of
from benchmarks.serving import Server

EVERY_US = 2500
DISTURBED_SHARE = 0.02


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """Round trips since the last look: websocket ping to pong, and GET /healthz. `send_lag_us` is our own lateness.

    The round trips are without what was not the server's doing: `pauses_us`, when the machine itself stood still for
    more than a millisecond (to see that on the server's core takes the right to run before all others there), and
    `others_us`, when somebody else had the core that the server was ready to run on.
    """

    ping_us: Spread
    health_us: Spread
    send_lag_us: Spread
    pauses_us: Spread
    others_us: Spread

    @property
    def longest_ms(self) -> float:
        return max(self.ping_us.max, self.health_us.max) / 1000


class Probe:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def look(self) -> Probed:
        """Raises RuntimeError when the server hung up on the probe."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("mark\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the probe ended with {self._process.wait()}")
        return msgspec.json.decode(line, type=Probed)


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe saw in one phase; `kept_waiting_ms` is how long the server was ready while others had its core."""

    name: str
    seconds: float
    probed: Probed
    cpu_share: float
    kept_waiting_ms: float

    @property
    def is_disturbed(self) -> bool:
        """Others had the server's core so often that a stall may well be theirs."""
        return self.kept_waiting_ms > DISTURBED_SHARE * self.seconds * 1000


class Phases:
    """A server and who probes it at the moment, looked at from phase to phase."""

    def __init__(self, pid: int, probe: Probe) -> None:
        self.phases: list[Phase] = []
        self._pid = pid
        self.begin(probe)

    def begin(self, probe: Probe) -> None:
        self._probe = probe
        self._load = load_of(self._pid)

    def end_phase(self, name: str, *, seconds: float) -> None:
        """What the probe and the scheduler saw since the last phase ended."""
        before, self._load = self._load, load_of(self._pid)
        ended = Phase(
            name=name,
            seconds=seconds,
            probed=self._probe.look(),
            cpu_share=(self._load.cpu_s - before.cpu_s) / seconds,
            kept_waiting_ms=(self._load.kept_waiting_s - before.kept_waiting_s) * 1000,
        )
        self.phases.append(ended)


@contextmanager
def started_probe(
    appointment_id: str, *, header: str, cpu: int | None, server: Server, server_cpu: int | None
) -> Iterator[Probe]:
    """A probe that watches a visit on which nothing happens."""
    command = [str(compiled("probe")), "--port", str(server.port), "--path", f"/ws/appointments/{appointment_id}"]
    command += ["--header", "Sec-WebSocket-Protocol: enroute.v1.json", "--header", header]
    command += ["--every-us", str(EVERY_US), "--server-pid", str(server.pids[0])]
    if cpu is not None:
        command += ["--cpu", str(cpu)]
    if server_cpu is not None:
        command += ["--server-cpu", str(server_cpu)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the probe ended with {process.wait()}")
        yield Probe(process)
    finally:
        ended(process)
