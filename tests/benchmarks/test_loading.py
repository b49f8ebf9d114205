"""The load generator against the C relay: what it counts has to be true before it may judge anybody."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from benchmarks.fleet import limit_trips
from benchmarks.loading import LoadFailed, LoadResult, TripAccess, Workload, plan_lines, run_load
from benchmarks.serving import Server, serve_limit


@pytest.fixture(scope="module")
def relay() -> Iterator[Server]:
    with serve_limit(cpu=None) as server:
        yield server


def load(server: Server, workload: Workload, trips: list[TripAccess] | None = None) -> LoadResult:
    return run_load(
        workload,
        trips=trips or limit_trips(workload.trips),
        port=server.port,
        server_pids=server.pids,
        cpu=None,
        seconds=0.3,
        warmup_s=0.1,
    )


def test_a_plan_gives_each_trip_one_device_and_its_watchers() -> None:
    trip = TripAccess("visit", "phone-token", "eyes", 41.15, -8.61, 90.0)

    lines = list(plan_lines([trip], watchers=2))

    token = base64.urlsafe_b64encode(b"eyes").decode().rstrip("=")
    watcher = f"watcher\t0\t/ws/appointments/visit\tSec-WebSocket-Protocol: enroute.v1.json, bearer.{token}"
    device = "device\t0\t/ws/device\t41.1500000\t-8.6100000\t90.0\tAuthorization: Bearer phone-token"
    assert lines == [device, watcher, watcher]


def test_in_a_closed_loop_every_watcher_gets_every_fix(relay: Server) -> None:
    result = load(relay, Workload(name="1:3", trips=4, watchers=3))

    assert result.fixes > 0
    assert abs(result.positions - 3 * result.fixes) <= 2 * 4 * 3
    assert (result.late, result.unanswered, result.withheld, result.ended) == (0, 0, 0, 0)


def test_an_open_loop_keeps_its_rate(relay: Server) -> None:
    result = load(relay, Workload(name="open", trips=10, watchers=1, rate_per_s=500))

    assert result.mode == "open"
    assert result.fixes == pytest.approx(150, abs=50)
    assert abs(result.positions - result.fixes) <= 50


def test_fixes_of_one_burst_all_arrive(relay: Server) -> None:
    result = load(relay, Workload(name="burst", trips=5, watchers=1, rate_per_s=800, burst=8))

    assert result.fixes == pytest.approx(240, abs=40)
    assert abs(result.positions - result.fixes) <= 40
    assert result.late == 0


def test_latency_and_the_cost_of_the_server_are_measured(relay: Server) -> None:
    result = load(relay, Workload(name="1:1", trips=2, watchers=1))

    latency = result.latency_us
    assert 0 < latency.p50 <= latency.p90 <= latency.p99 <= latency.max
    assert 0 < result.cpu_us_per_position < 1000
    assert 0 < result.server_busy <= 1.05


def test_a_door_that_stays_shut_is_named(relay: Server) -> None:
    elsewhere = Server("nobody", 1, relay.pids)

    with pytest.raises(LoadFailed, match=r"cannot connect to 127\.0\.0\.1:1"):
        load(elsewhere, Workload(name="1:1", trips=1, watchers=1))


def test_too_few_trips_are_refused_before_anything_starts(relay: Server) -> None:
    with pytest.raises(ValueError, match="1:1 needs 3 trips, there are 1"):
        load(relay, Workload(name="1:1", trips=3, watchers=1), limit_trips(1))
