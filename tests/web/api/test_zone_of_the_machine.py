"""What HTTP answers is in the zone of the site, wherever the server stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def answers_under(zone_name: str, folder: Path) -> bytes:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.web.api.local_answers", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"TZ": zone_name}, capture_output=True, check=True)
    return done.stdout


def test_the_bodies_are_the_same_byte_by_byte_under_utc_and_in_auckland(tmp_path: Path) -> None:
    here = answers_under("UTC", tmp_path / "utc")
    there = answers_under("Pacific/Auckland", tmp_path / "auckland")

    assert there == here
    assert here.count(b'"window_start"') > 100
