"""The suite from end to end, on those servers that are here wherever Enroute is."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from benchmarks.peers import main, moderate, workloads

HERE = ("limit", "websockets", "starlette")


def test_a_smoke_run_measures_every_workload_and_says_who_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, drawn = tmp_path / "report.json", tmp_path / "report.svg"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing was ever installed here"))
    only = [argument for key in (*HERE, "ws", "picows") for argument in ("--only", key)]

    ran = CliRunner().invoke(main, ["--smoke", *only, "--json", str(written), "--plot", str(drawn)])

    assert ran.exit_code == 0, ran.output
    report = json.loads(written.read_text())
    measured = {(row["workload"], row["server"]) for row in report["rows"] if row["state"] == "measured"}
    names = [workload.name for workload in workloads(smoke=True, devices=10, rate_per_s=200)]
    assert measured == {(name, server) for name in names for server in ("C limit", "websockets", "Starlette")}
    assert {row["server"] for row in report["rows"] if row["state"] == "not installed"} == {"node ws", "picows"}
    assert "not installed" in ran.stdout
    assert ElementTree.parse(drawn).getroot().tag.endswith("svg")


def test_updates_are_as_large_as_asked_for(tmp_path: Path) -> None:
    written = tmp_path / "report.json"

    ran = CliRunner().invoke(
        main,
        ["--smoke", "--only", "limit", "--workload", "1:1", "--update-bytes", "333", "--json", str(written)],
    )

    assert ran.exit_code == 0, ran.output
    (row,) = json.loads(written.read_text())["rows"]
    assert row["bytes_per_update"] == 333
    assert row["times_limit"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workload", "1:7"], "There is no workload '1:7'"),
        (["--enroute", "LOG_LEVEL"], "wants ENROUTE_NAME=VALUE"),
        (["--plot", "figure.gif"], "an .svg or a .png file"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(arguments: list[str], message: str) -> None:
    ran = CliRunner().invoke(main, ["--smoke", *arguments])

    assert ran.exit_code == 2
    assert message in " ".join(ran.output.replace("│", " ").split())


def test_the_fleet_view_asks_for_every_update_of_every_technician() -> None:
    fleet_view = next(w for w in workloads(smoke=False, devices=500, rate_per_s=5000) if w.name == "fleet view")

    assert (fleet_view.view, fleet_view.rate_per_s, fleet_view.sockets) == ("fleet", 500.0, 520)


def test_the_moderate_load_is_an_open_loop() -> None:
    assert moderate(500, 5000).rate_per_s == 5000
