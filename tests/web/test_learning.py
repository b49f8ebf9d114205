import asyncio
import datetime
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.tracker.roads.stand_in import OsrmStandIn
from tests.web.api.house import open_house
from tests.web.towns import build_town, drive_trips
from tracker.calibration import COLD, Calibration, encode_calibration
from tracker.records import KeptCalibration
from tracker.roads import NoRoads
from tracker.roads.driving import cold_seconds, driven_seconds
from web import learning as learning_module
from web.app import open_roads
from web.config import Settings, load_settings
from web.learning import Learning, is_due, learning_environment, own_roads


@pytest.fixture(scope="module")
def roads_file(tmp_path_factory):
    return str(build_town(tmp_path_factory.mktemp("town")))


def at(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def engine_of(house):
    return own_roads(house.state.node.ways.roads)


SLOW = Calibration(trips=33, hours=(0.5,) * 168)
TOO_SLOW = Calibration(trips=33, hours=(1.5,) * 168)


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("2026-11-24T02:59:00+00:00", "2026-11-23T03:00:00+00:00", False),
        ("2026-11-24T03:00:00+00:00", "2026-11-23T03:00:00+00:00", True),
        ("2026-11-24T03:10:00+00:00", "2026-11-24T03:00:00+00:00", False),
        ("2026-11-24T09:00:00+00:00", "2026-11-23T18:00:00+00:00", True),
        ("2026-11-24T01:00:00+00:00", "2026-11-20T18:00:00+00:00", True),
    ],
)
def test_a_night_is_due_once_it_has_been_three_in_the_morning(now, last, due):
    assert is_due(now_ms=at(now), last_ms=at(last), time_zone="Europe/Lisbon") is due


def test_the_night_is_that_of_the_technicians():
    now, last = at("2026-11-24T02:30:00+00:00"), at("2026-11-23T12:00:00+00:00")

    assert is_due(now_ms=now, last_ms=last, time_zone="Europe/Berlin")
    assert not is_due(now_ms=now, last_ms=last, time_zone="Europe/Lisbon")


def test_who_never_learned_is_due_at_any_hour():
    assert is_due(now_ms=at("2026-11-24T12:00:00+00:00"), last_ms=None, time_zone="UTC")


def test_the_command_gets_the_servers_settings_wherever_they_came_from_and_no_secret():
    settings = Settings(database="sqlite:///here.db", roads_file="town.graph", webhook_secret="hush", port=9)
    environ = {"ENROUTE_DATABASE": "sqlite:///else.db", "ENROUTE_WEBHOOK_SECRET": "hush", "HOME": "/root"}

    given = learning_environment(settings, environ)

    assert {name: value for name, value in given.items() if name.startswith("ENROUTE_")} == {
        "ENROUTE_DATABASE": "sqlite:///here.db",
        "ENROUTE_ROADS_FILE": "town.graph",
        "ENROUTE_COMPILED": "auto",
    }
    assert given["HOME"] == "/root"
    assert load_settings(given).roads_path == settings.roads_path


async def test_a_server_without_anything_learned_reckons_with_the_cold_seconds(template, tmp_path, roads_file):
    async with open_house(template, tmp_path / "house", roads_file=roads_file) as house:
        graph = engine_of(house).graph

        assert np.array_equal(np.array(graph.edge_s), cold_seconds(graph).astype(np.float32))
        assert not np.array_equal(np.array(graph.edge_s), np.array(graph.edge_free_s))
        assert house.state.node.ways.calibration == COLD


async def test_a_server_that_learned_still_knows_after_a_restart(template, tmp_path, roads_file):
    folder = tmp_path / "house"
    async with open_house(template, folder, roads_file=roads_file) as house:
        drive_trips(
            roads_file,
            house.state.settings.database,
            trips=40,
            slower=3.0,
            # The command goes by the real clock.
            until_ms=round(datetime.datetime.now(datetime.UTC).timestamp() * 1000),
        )
        learning = Learning(house.state, house.state.node.ways.roads)
        await learning.learn()
        learned = house.state.node.ways.calibration
        seconds = list(engine_of(house).graph.edge_s)
        assert learned.trips == 40

    async with open_house(None, folder, roads_file=roads_file) as house:
        graph = engine_of(house).graph

        assert house.state.node.ways.calibration == learned
        assert list(graph.edge_s) == seconds
        assert np.array_equal(np.array(graph.edge_s), driven_seconds(graph, learned))


async def test_a_night_that_takes_back_what_was_learned_is_a_warning_and_holds_after_a_restart(
    template, tmp_path, roads_file, caplog
):
    folder = tmp_path / "house"
    now_ms = round(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
    async with open_house(template, folder, roads_file=roads_file) as house:
        drive_trips(roads_file, house.state.settings.database, trips=40, slower=1.0, until_ms=now_ms)
        house.state.node.store.write_calibration(
            KeptCalibration(now_ms - 7 * 86_400_000, SLOW.trips, encode_calibration(TOO_SLOW))
        )
        learning = Learning(house.state, house.state.node.ways.roads)
        await learning.take_up()
        assert house.state.node.ways.calibration == TOO_SLOW

        await learning.learn()

        back = house.state.node.ways.calibration
        assert (back.hours, back.cells, back.check.fell_back) == ((), (), True)

    async with open_house(None, folder, roads_file=roads_file) as house:
        assert house.state.node.ways.calibration == back
    (record,) = (record for record in caplog.records if record.name == "enroute.learning")
    assert record.levelname == "WARNING"
    assert record.message.endswith("Back to the cold start")


@pytest.mark.parametrize("data", [b"\0broken", encode_calibration(Calibration(hours=(1.0, 2.0)))])
async def test_what_cannot_be_read_is_one_line_and_a_cold_start(template, tmp_path, roads_file, caplog, data):
    folder = tmp_path / "house"
    async with open_house(template, folder, roads_file=roads_file) as house:
        house.state.node.store.write_calibration(KeptCalibration(1, 2, data))

    async with open_house(None, folder, roads_file=roads_file) as house:
        assert house.state.node.ways.calibration == COLD

    assert [record.message[:47] for record in caplog.records] == ["what was learned cannot be read, starting cold:"]


async def test_what_was_learned_by_hand_is_taken_up_without_a_restart(template, tmp_path, roads_file):
    async with open_house(template, tmp_path / "house", roads_file=roads_file) as house:
        learning = Learning(house.state, house.state.node.ways.roads)
        await learning.take_up()
        kept = KeptCalibration(house.clock_ms[0], 33, encode_calibration(SLOW))
        house.state.node.store.write_calibration(kept)

        await learning.check()

        assert house.state.node.ways.calibration == SLOW


async def test_a_night_with_too_few_trips_is_one_line_and_not_tried_again(template, tmp_path, roads_file, caplog):
    caplog.set_level(logging.INFO, "enroute.learning")
    async with open_house(template, tmp_path / "house", roads_file=roads_file) as house:
        learning = Learning(house.state, house.state.node.ways.roads)

        await learning.check()
        await learning.check()

    assert [(record.levelname, record.message) for record in caplog.records if record.name == "enroute.learning"] == [
        ("INFO", "Nothing learned: 0 finished trips in the last 28 days, it takes 20.")
    ]


async def test_of_two_processes_one_learns_and_both_reckon_with_it(template, tmp_path, roads_file, caplog):
    caplog.set_level(logging.INFO, "enroute.learning")
    folder = tmp_path / "house"
    async with (
        open_house(template, folder, roads_file=roads_file) as one,
        open_house(None, folder, roads_file=roads_file) as other,
    ):
        now_ms = round(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
        for house in (one, other):
            house.clock_ms[0] = now_ms
        drive_trips(roads_file, one.state.settings.database, trips=40, slower=3.0, until_ms=now_ms)
        first, second = (Learning(house.state, house.state.node.ways.roads) for house in (one, other))

        await asyncio.gather(first.check(), second.check())
        await first.check()
        await second.check()

        calibrations = [house.state.node.ways.calibration for house in (one, other)]
        assert [each.trips for each in calibrations] == [40, 40]
        assert calibrations[0] == calibrations[1]
        assert len(one.state.node.store.calibrations(0)) == 1
        assert list(engine_of(one).graph.edge_s) == list(engine_of(other).graph.edge_s)
    assert len([record for record in caplog.records if record.name == "enroute.learning"]) == 1


async def test_a_night_that_fails_is_one_line(template, tmp_path, roads_file, caplog):
    mine = shutil.copy(roads_file, tmp_path / "mine.graph")
    async with open_house(template, tmp_path / "house", roads_file=str(mine)) as house:
        learning = Learning(house.state, house.state.node.ways.roads)
        mine.unlink()

        await learning.check()
        await learning.check()

    (record,) = (record for record in caplog.records if record.name == "enroute.learning")
    assert record.levelname == "WARNING"
    assert "failed (exit code 1): Error: There is no road graph at" in record.message


async def test_a_server_that_stops_ends_the_learning(template, tmp_path, roads_file, monkeypatch):
    monkeypatch.setattr(learning_module, "CHECK_EVERY_S", 0.0)
    begun = asyncio.Event()
    ended = []
    real = asyncio.create_subprocess_exec

    async def seen(*command, **options):
        process = await real(*command, **options)
        ended.append(process)
        begun.set()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", seen)

    async with open_house(template, tmp_path / "house", roads_file=roads_file):
        await asyncio.wait_for(begun.wait(), 20)

    assert ended[-1].returncode is not None


async def test_behind_a_road_server_the_own_graph_learns(tmp_path, roads_file):
    server = OsrmStandIn()
    port = await server.start()
    both = open_roads(Path(roads_file), server_url=f"osrm+http://127.0.0.1:{port}")
    alone = open_roads(tmp_path / "none.graph", server_url=f"osrm+http://127.0.0.1:{port}")

    assert own_roads(both) is both.other
    assert own_roads(alone) is None
    assert own_roads(NoRoads()) is None

    await both.close()
    await alone.close()
    await server.close()


async def test_without_a_road_graph_nothing_is_learned(house):
    learning = Learning(house.state, NoRoads())

    await learning.take_up()
    await learning.check()
    learning.start()
    await learning.close()

    assert learning._task is None
