"""Several workers beside one: which rows are held against each other."""

from __future__ import annotations

from benchmarks.several import APART, ONE, TWO, Row, targets_of


def row(workload: str, server: str, cost_us: float, times_one: float) -> Row:
    return Row(
        workload=workload,
        server=server,
        cpu_us_per_update=cost_us,
        times_one=times_one,
        p50_ms=1.0,
        p99_ms=2.0,
        updates_per_s=1000.0,
        undelivered=0,
    )


def test_two_workers_are_held_against_one_with_as_much_for_each_and_with_as_much_in_all() -> None:
    rows = [
        row("400 fixes/s each", ONE, 20.0, 1.0),
        row("400 fixes/s each", TWO, 24.0, 1.2),
        row("400 fixes/s each", APART, 28.0, 1.4),
        row("200 fixes/s each", ONE, 30.0, 1.0),
        row("200 fixes/s each", TWO, 27.0, 0.9),
        row("200 fixes/s each", APART, 40.0, 40 / 30),
    ]

    targets = {target.name: target for target in targets_of(rows, rate_per_s=400.0)}

    assert targets[f"{TWO}, 400 fixes/s each: CPU per update, times one worker"].measured == 1.2
    assert targets[f"{APART}, 400 fixes/s each: CPU per update, times one worker"].measured == 1.4
    assert targets[f"{APART}, 200 fixes/s each: CPU per update, times one worker"].reached
    together = targets[f"{TWO}, 400 fixes/s in all: times one worker"]
    assert (together.measured, together.reached) == (1.35, True)
    apart = targets[f"{APART}, 400 fixes/s in all: times one worker"]
    assert (apart.measured, apart.reached) == (2.0, False)
