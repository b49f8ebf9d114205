from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.native import NoCompiler, compiled
from benchmarks.redis_hop import READINGS, Hop, Reading, Spent, measure_c, targets_of
from tests.benchmarks.smoke import missed, smoke
from tests.redis_servers import skip_without_redis

A_HOP = Hop(
    way="Redis",
    reading="ticks",
    wanted_per_blob=10,
    per_blob=10.0,
    messages=1000,
    lost=0,
    clock_us=1.0,
    sender_us=2.0,
    relay_us=3.0,
    receiver_us=2.5,
)


def a_hop(**fields: float | str) -> Hop:
    return replace(A_HOP, **fields)


def test_the_three_parties_together_may_take_eight_microseconds_at_ten_per_blob_however_it_is_read() -> None:
    woken = a_hop(reading="woken")
    others = [a_hop(wanted_per_blob=1, sender_us=50.0), a_hop(way="C", sender_us=50.0)]
    dear = {"relay_us": 3.6}

    within = targets_of([a_hop(), woken, *others])
    beyond_in_ticks = targets_of([a_hop(**dear), a_hop(**dear), a_hop(), woken])
    beyond_woken = targets_of([a_hop(), a_hop(reading="woken", **dear)])

    assert [target.reached for target in within] == [True, True, True]
    assert [target.reached for target in beyond_in_ticks] == [False, True, True]
    assert [target.reached for target in beyond_woken] == [True, False, True]


def test_what_is_spent_with_nothing_to_send_is_taken_off_for_as_long_a_time() -> None:
    spent = Spent((3.0, 2.0, 1.0), 2.0)

    assert spent.without(Spent((0.5, 0.0, 0.25), 1.0)) == (2.0, 2.0, 0.5)


@pytest.mark.parametrize("reading", READINGS)
def test_the_c_programs_bring_what_they_are_told_to(reading: Reading) -> None:
    try:
        compiled("hop")
    except NoCompiler as error:
        pytest.skip(str(error))

    hop = measure_c(reading, 10, blobs_per_s=1000, seconds=0.3)

    assert hop.messages > 0
    assert hop.all_us > 0


def test_a_message_that_got_lost_misses_a_target() -> None:
    assert [target.reached for target in targets_of([a_hop(lost=1), a_hop(reading="woken")])] == [True, True, False]


@pytest.mark.parametrize("sizes", [[1, 10, 50]])
def test_each_size_is_measured_with_nothing_lost(tmp_path: Path, sizes: list[int]) -> None:
    skip_without_redis()

    report, table = smoke("redis_hop", tmp_path)

    over_redis = [hop for hop in report["hops"] if hop["way"] == "Redis"]
    assert [hop["wanted_per_blob"] for hop in over_redis] == [*sizes, *sizes]
    assert [(hop["way"], hop["reading"]) for hop in report["hops"] if hop["way"] == "C"] == [
        ("C", "ticks"),
        ("C", "woken"),
    ]
    assert all(hop["messages"] > 0 for hop in report["hops"])
    assert "messages lost" not in missed(report)
    assert "per blob" in table
