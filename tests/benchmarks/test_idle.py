from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.forgetting import Forgetting
from benchmarks.idle import growth
from benchmarks.process import Memory
from tests.benchmarks.smoke import missed, smoke


@pytest.mark.parametrize("proof", ["link", "session"])
def test_watchers_come_in_with_their_proof_and_hear_what_is_published(proof: str, tmp_path: Path) -> None:
    report, table = smoke("idle", tmp_path, "--spread", "visits", "--proof", proof)

    (result,) = report["results"]
    assert (result["spread"], result["proof"], result["watchers"], result["visits"]) == ("visits", proof, 40, 4)
    assert result["compression_accepted"] == 0
    assert result["seq_regressions"] == 0
    assert result["welcome_us"]["count"] == 40
    assert result["published"] > 0
    assert result["positions"] >= 10 * (result["published"] - 1)
    assert [phase["name"] for phase in result["phases"]] == ["no watchers yet", "idle", "publishing to all"]
    assert all(phase["probed"]["ping_us"]["count"] > 10 for phase in result["phases"])
    assert all(phase["probed"]["health_us"]["count"] > 0 for phase in result["phases"])
    assert report["machine"]["hot_ns"] > 0
    assert report["machine"]["cold_ns"] > 0
    assert not missed(report) & {"many visits: compression accepted", "many visits: regressions of seq"}
    assert f"40 watchers on 4 visits ({proof})" in table


def test_all_on_one_visit_hear_every_position(tmp_path: Path) -> None:
    report, _ = smoke("idle", tmp_path, "--spread", "one")

    (result,) = report["results"]
    assert (result["spread"], result["visits"], result["seq_regressions"]) == ("one", 1, 0)
    assert result["positions"] >= 40


def test_a_machine_that_is_slow_after_a_pause_is_told_from_one_that_is_not() -> None:
    assert "largely its own" in str(Forgetting(hot_ns=5.0, cold_ns=18_000.0))
    assert "largely its own" not in str(Forgetting(hot_ns=5.0, cold_ns=180.0))


def test_growth_is_what_each_watcher_added() -> None:
    before = Memory(rss=1_000_000, pss=900_000, private=800_000)
    after = Memory(rss=1_250_000, pss=1_100_000, private=900_000)

    grown = growth(before, after, 100)

    assert (grown.rss, grown.pss, grown.private) == (2500.0, 2000.0, 1000.0)
