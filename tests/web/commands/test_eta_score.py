"""`enroute eta score`, and `enroute eta lines` as a process, on a made-up town."""

import asyncio
import csv
import json
import re
from asyncio.subprocess import PIPE

import pytest
from click.testing import CliRunner

from tests.servers import start_enroute
from tests.tracker.test_learning import driven
from tests.web.towns import build_town
from tracker.roads.graph_file import open_graph
from web.commands.eta import eta_group


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    graph = open_graph(build_town(folder))
    for name, trips, seed in (("history", 40, 1), ("trips", 10, 2)):
        recordings = driven(graph, trips=trips, slower=3.0, every_ms=3 * 3_600_000, seed=seed)
        with (folder / f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["trip_id", "t", "lat", "lon"])
            rows.writerows(
                [f"{name} {trip.trip_id}", fix.fixed_at / 1000, fix.lat, fix.lon]
                for trip in recordings
                for fix in trip.fixes
            )
    return folder


def figures(text: str, title: str) -> dict[str, float]:
    """The table under that title."""
    _, _, table = text.partition(f"{title}: ")
    return {name.strip(): float(value) for name, value in re.findall(r"^  (\S.*?)\s{2,}([\d.]+) ", table, re.MULTILINE)}


def run(*arguments) -> tuple[int, str]:
    result = CliRunner().invoke(eta_group, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def score(town, *options):
    return run("score", "--map", town / "town.osm.pbf", "--trips", town / "trips.csv", *options)


def test_what_was_learned_from_a_history_makes_the_score_better(town):
    cold_code, cold = score(town)
    code, learned = score(town, "--history", town / "history.csv")

    assert (cold_code, code) == (0, 0)
    assert "as recorded: 10 trips, " in cold
    assert "Learned from 40 trips; kept: " in learned
    assert figures(learned, "as recorded")["mean absolute error"] < figures(cold, "as recorded")["mean absolute error"]
    assert figures(cold, "as recorded").keys() >= {"relative error", "jump per fix", "range holds the truth"}


def test_the_damage_is_the_same_for_the_same_seed_and_costs_something(town):
    one, again, other = score(town, "--damage"), score(town, "--damage"), score(town, "--damage", "--seed", "2")

    def without_cpu(answer):
        return {name: value for name, value in figures(answer[1], "damaged").items() if "CPU" not in name}

    assert without_cpu(one) == without_cpu(again) != without_cpu(other)
    assert without_cpu(one)["mean absolute error"] > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trip_id,t,lat\n", "lacks lon"),
        ("trip_id,t,lat,lon\na,soon,41,-8\n", "line 2: not a position"),
        ("trip_id,t,lat,lon\n", "no position before an arrival"),
    ],
)
def test_trips_that_cannot_be_scored_are_one_sentence(town, tmp_path, text, said):
    broken = tmp_path / "broken.csv"
    broken.write_text(text)

    code, told = run("score", "--map", str(town / "town.osm.pbf"), "--trips", str(broken))

    assert code == 1
    assert said in told.splitlines()[-1]
    assert "Traceback" not in told


def test_a_map_that_is_none_is_one_sentence(town, tmp_path):
    (tmp_path / "no.osm.pbf").write_bytes(b"no map")

    code, told = run("score", "--map", str(tmp_path / "no.osm.pbf"), "--trips", str(town / "trips.csv"))

    assert (code, told.splitlines()[-1].startswith("Error: ")) == (1, True)


async def test_lines_are_answered_one_by_one_and_nothing_ends_the_talk(town):
    process = await start_enroute(
        "eta", "lines", "--map", str(town / "town.osm.pbf"), "--history", str(town / "history.csv"), stdin=PIPE
    )

    async def ask(line: bytes) -> dict:
        # The next line is only sent once this one is answered: an answer that was held back would hang here.
        process.stdin.write(line + b"\n")
        await process.stdin.drain()
        return json.loads(await asyncio.wait_for(process.stdout.readline(), 60))

    def ping(s: int, lat: float) -> bytes:
        return json.dumps({"op": "ping", "t": 1_795_000_000 + s, "lat": lat, "lon": -7.999}).encode()

    start = b'{"op":"start","trip":"a","dest":[41.005,-7.995],"t":1795000000}'
    assert "before any start" in (await ask(ping(0, 41.001)))["error"]
    assert await ask(start) == {"ok": True}
    first = await ask(ping(0, 41.001))
    assert 0 < first["low_s"] <= first["eta_s"] <= first["high_s"]
    for wrong in (b"zzz", b'{"op":"fly"}', b'{"op":"start","dest":[41,-8],"t":1}', b"\xff\xfe", b"[" * 100_000):
        assert list(await ask(wrong)) == ["error"]
    for s, lat in ((60, 41.002), (120, 41.003), (60, 41.002), (90, 41.0025), (180, 91.0)):
        answer = await ask(ping(s, lat))
        assert 0 <= answer["low_s"] <= answer["eta_s"] <= answer["high_s"]
    assert await ask(start) == {"ok": True}
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0
