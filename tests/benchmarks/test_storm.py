from __future__ import annotations

from pathlib import Path

from tests.benchmarks.smoke import missed, smoke

FAULTS = {
    "{mode}: watchers not back on the newest position",
    "{mode}: regressions of seq",
    "{mode}: a seq told twice",
    "{mode}: an older position in the same epoch",
    "{mode}: watchers told to stay away",
}


def test_after_a_reset_all_are_back_on_the_newest_position(tmp_path: Path) -> None:
    report, table = smoke("storm", tmp_path, "--mode", "reset")

    (storm,) = report["results"]
    assert (storm["mode"], storm["watchers"], storm["welcomed"], storm["on_newest"]) == ("reset", 40, 40, 40)
    assert (storm["seq_regressions"], storm["seq_repeats"], storm["older_positions"]) == (0, 0, 0)
    assert storm["attempts"] >= 40
    # Full jitter within half a second and six.
    assert storm["newest_us"]["p50"] > 500_000
    assert storm["fixes"] > 0
    assert storm["probed"]["ping_us"]["count"] > 0
    assert not missed(report) & {fault.format(mode="reset") for fault in FAULTS}
    assert "reset 1" in table


def test_after_a_drain_and_a_restart_all_are_back_on_the_newest_position(tmp_path: Path) -> None:
    report, _ = smoke("storm", tmp_path, "--mode", "restart")

    (storm,) = report["results"]
    assert (storm["mode"], storm["watchers"], storm["welcomed"], storm["on_newest"]) == ("restart", 40, 40, 40)
    assert (storm["seq_regressions"], storm["seq_repeats"], storm["older_positions"]) == (0, 0, 0)
    # Every watcher and every device was told to come back.
    assert storm["closings"]["1012"] >= 44
    assert storm["exit_code"] == 0
    assert not missed(report) & {fault.format(mode="restart") for fault in FAULTS}
