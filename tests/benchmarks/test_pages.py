from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.tabs import smoothness
from tests.benchmarks.smoke import missed, smoke


@pytest.mark.full
def test_pages_are_loaded_watched_and_left_open(tmp_path: Path) -> None:
    report, table = smoke("pages", tmp_path)

    measured = report["report"]
    assert [home["line"] for home in measured["homes"]] == ["devtools", "wire"]
    assert all(home["largest_paint_ms"] > 0 and home["requests"] > 10 for home in measured["homes"])
    assert all(0 < live["words_ms"] < live["map_ms"] for live in measured["lives"])
    assert measured["smoothness"]["frames_per_s"] > 0
    assert measured["growth"]["heard"] > 0
    assert not [name for name in missed(report) if name.endswith("transferred")]
    assert "homepage" in table


def test_frames_are_counted_by_the_second() -> None:
    measured = smoothness([10.0] * 100 + [50.0] * 20 + [10.0] * 5)

    assert (measured.worst_second, measured.longest_gap_ms) == (20, 50.0)
    assert measured.frames_per_s == 1000 * 125 / 2050
