from __future__ import annotations

from pathlib import Path

from benchmarks.stalled import Round, targets_of
from tests.benchmarks.reports import a_spread
from tests.benchmarks.smoke import missed, smoke


def a_round(**fields) -> Round:
    given = {
        "stalled": 0,
        "latency_us": a_spread(p99=10_000.0),
        "positions": 100,
        "server_busy": 0.5,
        "load_busy": 0.5,
        "kept_waiting_ms": 0.0,
        "cut_after_s": [],
        "rss_growth": 0,
        "pss_growth": 0,
        "closings": {},
        "seq_regressions": 0,
    }
    return Round(**(given | fields))


def test_the_others_may_wait_a_tenth_and_a_millisecond_longer() -> None:
    cut = {"stalled": 2, "cut_after_s": [15.0, 16.0], "rss_growth": 2 * 60_000}

    within = targets_of([a_round(), a_round(latency_us=a_spread(p99=12_000.0), **cut)])
    beyond = targets_of([a_round(), a_round(latency_us=a_spread(p99=12_001.0), **cut)])

    assert [target.reached for target in within] == [True] * 5
    assert [target.name for target in beyond if not target.reached] == [
        "p99 of the others beside them (1.1 x without + 1 ms)"
    ]


def test_one_reader_who_is_never_cut_or_cut_late_misses_the_target() -> None:
    never = targets_of([a_round(), a_round(stalled=2, cut_after_s=[15.0])])
    late = targets_of([a_round(), a_round(stalled=2, cut_after_s=[15.0, 30.5])])

    assert [target.name for target in never if not target.reached] == ["stalled readers never cut"]
    assert [target.name for target in late if not target.reached] == ["the last of them cut after"]


def test_rounds_with_and_without_stalled_readers_take_turns(tmp_path: Path) -> None:
    report, table = smoke("stalled", tmp_path)

    alone, beside = report["rounds"]
    assert (alone["stalled"], beside["stalled"]) == (0, 4)
    for each in (alone, beside):
        assert each["latency_us"]["count"] > 0
        assert each["closings"] == {}
        assert each["seq_regressions"] == 0
    assert len(beside["cut_after_s"]) <= 4
    assert "regressions of seq" not in missed(report)
    assert "RSS/stalled" in table
