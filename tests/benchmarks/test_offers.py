from __future__ import annotations

from pathlib import Path

from benchmarks.postgresql import postgresql_programs
from tests.benchmarks.smoke import smoke


def test_a_real_server_answers_from_each_database_with_the_same_slots(tmp_path: Path) -> None:
    rows, table = smoke("offers", tmp_path)

    kinds = ["SQLite", "PostgreSQL"] if postgresql_programs() else ["SQLite"]
    assert [(row["database"], row["days"], row["turn"]) for row in rows] == [
        (kind, days, turn) for kind in kinds for days in (3, 1) for turn in ("first", "again")
    ]
    assert all(row["slots"] > 0 for row in rows)
    assert len({row["slots"] for row in rows if row["days"] == 3}) == 1
    assert "CPU ms" in table
