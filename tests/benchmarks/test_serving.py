"""What a benchmark knows about the server it measures."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from benchmarks.fleet import seed_fleet
from benchmarks.serving import core_of, serve_enroute


def test_a_server_says_how_its_core_runs_and_the_caller_may_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENROUTE_COMPILED", "off")
    fleet = seed_fleet(tmp_path / "enroute.db", technicians=1)

    with serve_enroute(fleet.database, cpu=None) as server:
        assert core_of(server) == f"interpreted, Python {platform.python_version()}"
