"""Runs a benchmark for a moment, as its command does, and gives what it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

WITHIN_S = 280


def smoke(name: str, folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """(the JSON report, the printed table) of `python -m benchmarks.<name> --smoke`."""
    path = folder / f"{name}.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", "--smoke", "--json", str(path), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S)
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text()), done.stdout


def missed(report: dict[str, Any]) -> set[str]:
    """The targets that were not reached. Of a smoke run only those that count faults mean anything."""
    return {target["name"] for target in report["targets"] if not target["reached"]}
