"""Runs the C load generator against a server and reads what it measured."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchmarks.native import compiled

CITY_LAT, CITY_LON = 41.15, -8.61
"""Where the fleets of the benchmarks drive. Straight lines: the road engine is not what is measured here."""


class TripAccess(msgspec.Struct, frozen=True):
    """What a load needs of one trip: its two doors, and where the technician starts and which way they drive."""

    appointment_id: str
    device_token: str
    watcher_token: str
    lat: float
    lon: float
    bearing_deg: float


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a server. `rate_per_s` counts fixes in total and makes it an open loop; None is closed loop.

    Each trip has `watchers` of its own, or in a fleet view `watchers` see all of them.
    """

    name: str
    trips: int
    watchers: int
    rate_per_s: float | None = None
    burst: int = 1
    view: Literal["trip", "fleet"] = "trip"

    @property
    def sockets(self) -> int:
        return self.trips + (self.watchers if self.view == "fleet" else self.trips * self.watchers)


class Latency(msgspec.Struct):
    """Device's write to watcher's read, microseconds."""

    mean: float
    p50: float
    p90: float
    p99: float
    max: float


class LoadResult(msgspec.Struct, kw_only=True):
    """The load generator's report; `c/load.c` says how each figure is taken. Shares (`…_busy`) are of one core."""

    mode: Literal["open", "closed"]
    seconds: float
    sockets: int
    connect_s: float
    fixes: int
    positions: int
    fixes_per_s: float
    positions_per_s: float
    bytes_per_position: float
    latency_us: Latency
    send_lag_us_p99: float
    server_busy: float
    load_busy: float
    cpu_us_per_position: float
    loop_us_per_position: float
    cpu_us_per_fix: float
    late: int
    unanswered: int
    withheld: int
    acks: int
    errors: int
    other_frames: int
    ended: int
    closings: dict[str, int]


class LoadFailed(RuntimeError):
    """The load generator could not do its work; the text is what it said."""


def plan_lines(trips: Sequence[TripAccess], *, watchers: int) -> Iterable[str]:
    """The sockets to open, in the load generator's own format."""
    for number, trip in enumerate(trips):
        place = f"{trip.lat:.7f}\t{trip.lon:.7f}\t{trip.bearing_deg:.1f}"
        yield f"device\t{number}\t/ws/device\t{place}\tAuthorization: Bearer {trip.device_token}"
        token = base64.urlsafe_b64encode(trip.watcher_token.encode()).decode().rstrip("=")
        header = f"Sec-WebSocket-Protocol: enroute.v1.json, bearer.{token}"
        for _ in range(watchers):
            yield f"watcher\t{number}\t/ws/appointments/{trip.appointment_id}\t{header}"


def run_load(
    workload: Workload,
    *,
    trips: Sequence[TripAccess],
    port: int,
    server_pids: Sequence[int],
    cpu: int | None,
    seconds: float,
    warmup_s: float,
) -> LoadResult:
    """Put one workload of trips with watchers of their own on Enroute, or on a relay with its URLs, at 127.0.0.1:port.

    Raises LoadFailed when no position came back at all.
    """
    if len(trips) < workload.trips:
        raise ValueError(f"{workload.name} needs {workload.trips} trips, there are {len(trips)}")
    return run_plan(
        workload,
        plan_lines(trips[: workload.trips], watchers=workload.watchers),
        port=port,
        server_pids=server_pids,
        cpu=cpu,
        seconds=seconds,
        warmup_s=warmup_s,
    )


def run_plan(
    workload: Workload,
    lines: Iterable[str],
    *,
    port: int,
    server_pids: Sequence[int],
    cpu: int | None,
    seconds: float,
    warmup_s: float,
) -> LoadResult:
    """The same with the sockets named by the caller, in the format that `c/load_plan.c` describes."""
    with tempfile.TemporaryDirectory(prefix="enroute-load-") as folder:
        plan = Path(folder) / "plan.tsv"
        plan.write_text("\n".join(lines) + "\n")
        command = [str(compiled("load")), "--plan", str(plan), "--port", str(port)]
        command += ["--seconds", str(seconds), "--warmup", str(warmup_s)]
        if workload.rate_per_s is None:
            command += ["--mode", "closed"]
        else:
            command += ["--mode", "open", "--rate", str(workload.rate_per_s), "--burst", str(workload.burst)]
        if cpu is not None:
            command += ["--cpu", str(cpu)]
        for pid in server_pids:
            command += ["--pid", str(pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + warmup_s + 150)
    if done.returncode != 0:
        raise LoadFailed(f"{workload.name}: {done.stderr.strip() or 'no position came back'}")
    return msgspec.convert(json.loads(done.stdout), LoadResult)


def as_json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
