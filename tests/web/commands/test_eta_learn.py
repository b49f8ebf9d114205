"""`enroute eta learn`, as a process."""

import time

import pytest

from tests.servers import run_enroute
from tests.web.towns import build_town, drive_trips
from tracker.calibration import Calibration, decode_calibration, encode_calibration
from tracker.records import KeptCalibration
from tracker.store import SqlTrackStore, tracks_url


@pytest.fixture(scope="module")
def roads(tmp_path_factory):
    return build_town(tmp_path_factory.mktemp("town"))


@pytest.fixture
async def environ(tmp_path, roads):
    environ = {"ENROUTE_DATABASE": f"sqlite:///{tmp_path / 'enroute.db'}", "ENROUTE_ROADS_FILE": str(roads)}
    code, output = await run_enroute("migrate", environ=environ)
    assert code == 0, output
    return environ


def kept(environ):
    store = SqlTrackStore(tracks_url(environ["ENROUTE_DATABASE"]))
    found = store.calibration()
    store.close()
    return found


def drive(environ, trips: int) -> None:
    drive_trips(
        environ["ENROUTE_ROADS_FILE"],
        environ["ENROUTE_DATABASE"],
        trips=trips,
        slower=3.0,
        # Trips end three hours apart, and none on the edge of a day.
        until_ms=int(time.time() - 3600) * 1000,
    )


async def test_what_finished_trips_teach_is_said_and_kept(environ):
    drive(environ, 40)

    code, text = await run_enroute("eta", "learn", environ=environ)

    assert (code, text.splitlines()[0][:25]) == (0, "Learned from 40 trips; ke")
    assert kept(environ).trips == 40
    assert decode_calibration(kept(environ).data).trips == 40


async def test_a_dry_run_keeps_nothing(environ):
    drive(environ, 25)

    code, text = await run_enroute("eta", "learn", "--dry-run", environ=environ)

    assert (code, kept(environ)) == (0, None)
    assert "Learned from 25 trips" in text


async def test_what_told_the_last_days_worse_is_taken_back_and_ends_with_4(environ):
    drive(environ, 40)
    store = SqlTrackStore(tracks_url(environ["ENROUTE_DATABASE"]))
    bad = Calibration(trips=33, hours=(-3.0,) * 168)
    store.write_calibration(KeptCalibration(int(time.time() - 86_400 * 7) * 1000, bad.trips, encode_calibration(bad)))
    store.close()

    code, text = await run_enroute("eta", "learn", environ=environ)

    assert code == 4
    assert "worse than the cold start" in text
    now = decode_calibration(kept(environ).data)
    assert (now.hours, now.trips, now.check.fell_back) == ((), 0, True)


async def test_too_few_trips_are_said_in_a_sentence_and_end_with_3(environ):
    drive(environ, 10)

    answer = await run_enroute("eta", "learn", environ=environ)

    assert answer == (3, "Nothing learned: 10 finished trips in the last 28 days, it takes 20.\n")
    assert kept(environ) is None


async def test_older_trips_than_asked_for_do_not_count(environ):
    drive(environ, 25)

    code, text = await run_enroute("eta", "learn", "--days", "1", environ=environ)

    assert (code, text) == (3, "Nothing learned: 7 finished trips in the last day, it takes 20.\n")


async def test_without_a_map_it_says_how_to_get_one(environ, tmp_path):
    environ |= {"ENROUTE_ROADS_FILE": str(tmp_path / "none.graph")}

    code, text = await run_enroute("eta", "learn", environ=environ)

    assert code == 1
    assert "none.graph. Make one with `enroute map build EXTRACT.osm.pbf`." in text


async def test_a_map_that_cannot_be_read_is_said(environ, tmp_path):
    (tmp_path / "old.graph").write_bytes(b"old")
    environ |= {"ENROUTE_ROADS_FILE": str(tmp_path / "old.graph")}

    code, text = await run_enroute("eta", "learn", environ=environ)

    assert (code, text.startswith("Error: ")) == (1, True)
