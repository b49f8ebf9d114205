from __future__ import annotations

import asyncio
import csv
import os
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from simulations.report_option import default_folder
from tests.servers import PASSWORD, ROOT
from tests.simulations.test_replay import recorded

SIGN_IN = ("--email", "ada@enroute.example", "--password", PASSWORD)


async def simulate(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run `enroute simulate …` in ``folder``: the exit code, and everything it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "web", "simulate", *arguments),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, said.decode()


def track_file(folder: Path) -> Path:
    path = folder / "trips.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("trip_id", "t", "lat", "lon"))
        rows.writerows(("<one>", p.t_s, p.lat, p.lon) for p in recorded("<one>", start=3, end=200).points)
    return path


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("A quiet morning", "enroute-report-a-quiet-morning-20261129T080509Z"),
        ("../ é", "enroute-report-run-20261129T080509Z"),
    ],
)
def test_the_folder_is_called_after_the_run_and_its_instant(name, folder):
    now = datetime(2026, 11, 29, 10, 5, 9, tzinfo=timezone(timedelta(hours=2)))

    assert default_folder(name, now) == default_folder(name, now.astimezone(UTC)) == folder


async def test_a_run_leaves_its_report_in_the_current_folder_and_says_where(playground, tmp_path):
    code, said = await simulate(
        tmp_path, "technicians", "--count", "1", "--seconds", "2", "--url", playground.url, *SIGN_IN
    )

    assert code == 0, said
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("enroute-report-1-technicians-")
    assert f"Wrote {folder.name}/report.json\nWrote {folder.name}/report.html" in said
    assert "<svg" in (folder / "report.html").read_text(encoding="utf-8")


async def test_a_replay_leaves_one_too_with_every_trip_in_it(playground, tmp_path):
    code, said = await simulate(
        tmp_path, "replay", str(track_file(tmp_path)), "--speed", "max", "--url", playground.url, *SIGN_IN
    )

    assert code == 0, said
    (folder,) = tmp_path.glob("enroute-report-replay-*")
    report = msgspec.json.decode((folder / "report.json").read_bytes())
    assert [(trip["name"], trip["kept"], trip["announced"]) for trip in report["trips"]] == [("<one>", True, True)]
    assert report["throughput"]["fixes_sent"] == report["trips"][0]["fixes"]
    assert "<td>&lt;one&gt;</td>" in (folder / "report.html").read_text(encoding="utf-8")


async def test_no_report_leaves_nothing(playground, tmp_path):
    code, said = await simulate(
        tmp_path, "technicians", "--count", "1", "--seconds", "1", "--no-report", "--url", playground.url, *SIGN_IN
    )

    assert (code, list(tmp_path.iterdir())) == (0, []), said


async def test_a_map_that_is_not_there_is_one_line_and_nothing_is_played(playground, tmp_path):
    code, said = await simulate(
        tmp_path, "run", "a-quiet-morning", "--map", "none.osm.pbf", "--url", playground.url, *SIGN_IN
    )

    assert code == 1
    assert "Error: none.osm.pbf does not exist; give an OpenStreetMap extract such as city.osm.pbf" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


async def test_the_map_of_a_scenario_file_is_looked_for_beside_the_file(playground, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "scenario.json").write_text('{"name": "mine", "map": "none.osm.pbf"}', encoding="utf-8")

    code, said = await simulate(tmp_path, "run", "mine/scenario.json", "--url", playground.url, *SIGN_IN)

    assert code == 1
    assert "Error: mine/none.osm.pbf does not exist" in said
