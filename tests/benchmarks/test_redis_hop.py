from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.redis_hop import Hop, targets_of
from tests.benchmarks.smoke import missed, smoke
from tests.redis_servers import skip_without_redis


def a_hop(**fields: float) -> Hop:
    given = {"wanted_per_blob": 10, "per_blob": 10.0, "messages": 1000, "lost": 0}
    given |= {"clock_us": 1.0, "sender_us": 2.0, "redis_us": 3.0, "receiver_us": 2.5}
    return Hop(**(given | fields))


def test_the_three_parties_together_may_take_eight_microseconds_at_ten_per_blob() -> None:
    within = targets_of([a_hop(), a_hop(wanted_per_blob=1, sender_us=50.0)])
    beyond = targets_of([a_hop(redis_us=3.6), a_hop(redis_us=3.6), a_hop()])

    assert [target.reached for target in within] == [True, True]
    assert [target.reached for target in beyond] == [False, True]


def test_a_message_that_got_lost_misses_a_target() -> None:
    assert [target.reached for target in targets_of([a_hop(lost=1)])] == [True, False]


@pytest.mark.parametrize("sizes", [[1, 10, 50]])
def test_each_size_is_measured_with_nothing_lost(tmp_path: Path, sizes: list[int]) -> None:
    skip_without_redis()

    report, table = smoke("redis_hop", tmp_path)

    assert [hop["wanted_per_blob"] for hop in report["hops"]] == sizes
    assert all(hop["messages"] > 0 for hop in report["hops"])
    assert "messages lost" not in missed(report)
    assert "per blob" in table
