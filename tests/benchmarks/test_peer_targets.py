from __future__ import annotations

import pytest

from benchmarks.peer_rows import Row, fill_ratios
from benchmarks.peer_targets import ratio_targets


def rows(workload: str, **costs: float | None) -> list[Row]:
    names = {"limit": "C limit", "enroute": "Enroute", "nats": "NATS", "nchan": "nchan", "mosquitto": "mosquitto"}
    return [
        Row(
            workload=workload,
            server=names[server],
            state="not installed" if cost is None else "measured",
            cpu_us_per_update=cost,
            cpu_us_per_fix=cost,
            p50_us=None if cost is None else cost * 100,
        )
        for server, cost in costs.items()
    ]


def test_a_ratio_is_the_cost_of_enroute_over_that_of_the_peer() -> None:
    limit, nats = ratio_targets(rows("1:1", limit=10.0, nats=20.0, enroute=17.0), moderate="5000 fixes/s")

    assert (limit.name, limit.measured, limit.bound) == ("1:1: CPU per update, times C limit", 1.7, 1.6)
    assert (nats.name, nats.measured, nats.bound) == ("1:1: CPU per update, times NATS", 0.85, 1.0)
    assert (limit.reached, nats.reached) == (False, True)


def test_a_ratio_at_its_bound_is_reached() -> None:
    (target,) = ratio_targets(rows("1:3", limit=8.0, enroute=10.0), moderate="5000 fixes/s")

    assert target.reached


def test_a_peer_that_is_not_installed_is_a_miss_and_one_left_out_is_no_question() -> None:
    (limit, nchan) = ratio_targets(rows("1:1000", limit=10.0, nchan=None, enroute=5.0), moderate="5000 fixes/s")

    assert (limit.measured, limit.reached) == (0.5, True)
    assert (nchan.name, nchan.measured, nchan.reached) == ("1:1000: CPU per update, times nchan", None, False)


def test_without_enroute_there_is_nothing_to_reach() -> None:
    assert ratio_targets(rows("1:1", limit=10.0, nats=20.0), moderate="5000 fixes/s") == []


def test_the_moderate_load_is_judged_by_fix_and_by_latency() -> None:
    targets = ratio_targets(rows("5000 fixes/s", limit=20.0, enroute=21.0), moderate="5000 fixes/s")

    assert [(target.measured, target.reached) for target in targets] == [
        (pytest.approx(1.05), True),
        (pytest.approx(2.1), True),
        (pytest.approx(1.05), True),
    ]


def test_rows_of_one_workload_are_compared_with_each_other_alone() -> None:
    table = [*rows("1:1", limit=10.0, enroute=15.0, nats=None), *rows("1:3", limit=5.0, enroute=5.0)]

    fill_ratios(table, limit="C limit", enroute="Enroute")

    assert [(row.times_limit, row.enroute_times) for row in table] == [
        (1.0, 1.5),
        (1.5, 1.0),
        (None, None),
        (1.0, 1.0),
        (1.0, 1.0),
    ]
