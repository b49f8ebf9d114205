"""The answers are those of the sites' and technicians' zones, wherever the server stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def answers_under(zone_name: str, folder: Path) -> bytes:
    """What a fresh process says whose machine is set to this zone."""
    database = folder / f"{zone_name.replace('/', '-')}.db"
    command = [sys.executable, "-m", "tests.slots.local_answers", f"sqlite:///{database}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"TZ": zone_name}, capture_output=True, check=True)
    return done.stdout


def test_the_answers_are_the_same_byte_by_byte_under_utc_and_in_auckland(tmp_path: Path) -> None:
    here = answers_under("UTC", tmp_path)
    there = answers_under("Pacific/Auckland", tmp_path)

    assert there == here
    # Nothing was left out: 24 days of change with 146 answers each, and five of a visit's life.
    assert here.count(b"\n") == 24 * (2 + 3 * 48) + 5
