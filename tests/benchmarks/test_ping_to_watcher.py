from __future__ import annotations

import msgspec
import pytest

from benchmarks.loading import Latency, LoadResult
from benchmarks.ping_to_watcher import summarize, workloads


def a_result(**fields) -> LoadResult:
    given = {
        "mode": "closed",
        "seconds": 1.0,
        "sockets": 20,
        "connect_s": 0.1,
        "fixes": 100,
        "positions": 100,
        "fixes_per_s": 100.0,
        "positions_per_s": 100.0,
        "bytes_per_position": 200.0,
        "latency_us": Latency(mean=1, p50=1, p90=1, p99=1, max=1),
        "send_lag_us_p99": 0.0,
        "server_busy": 0.5,
        "load_busy": 0.5,
        "cpu_us_per_position": 10.0,
        "loop_us_per_position": 9.0,
        "cpu_us_per_fix": 10.0,
        "late": 0,
        "unanswered": 0,
        "withheld": 0,
        "acks": 0,
        "errors": 0,
        "other_frames": 0,
        "ended": 0,
        "closings": {},
    }
    return msgspec.convert(msgspec.to_builtins(given | fields), LoadResult)


def test_a_row_is_the_median_of_its_rounds_and_its_ratio_to_the_limit() -> None:
    asked = workloads(smoke=True, devices=10, rate_per_s=100)[:1]
    results = {
        ("1:1", "C limit"): [a_result(cpu_us_per_position=cost) for cost in (9.0, 10.0, 90.0)],
        ("1:1", "Enroute"): [a_result(cpu_us_per_position=cost) for cost in (14.0, 15.0, 16.0)],
    }

    limit, enroute = summarize(results, asked)

    assert (limit.cpu_us_per_position, limit.times_limit) == (10.0, 1.0)
    assert (enroute.cpu_us_per_position, enroute.times_limit) == (15.0, pytest.approx(1.5))


def test_what_did_not_arrive_and_who_hung_up_is_summed_over_the_rounds() -> None:
    asked = workloads(smoke=True, devices=10, rate_per_s=100)[1:2]
    results = {
        ("1:3", "Enroute"): [
            a_result(fixes=100, positions=290, closings={"4413": 2}),
            a_result(fixes=100, positions=300, closings={"4413": 1, "1006": 4}),
        ]
    }

    (row,) = summarize(results, asked)

    assert (row.times_limit, row.undelivered, row.closings) == (None, 10, {"4413": 3, "1006": 4})
