"""`enroute eta report`, as a process."""

import datetime
import json
import time

import pytest

from tests.servers import run_enroute
from tracker.calibration import Calibration, Check, encode_calibration
from tracker.records import KeptCalibration, Prediction
from tracker.store import SqlTrackStore, tracks_url


@pytest.fixture
async def environ(tmp_path):
    environ = {"ENROUTE_DATABASE": f"sqlite:///{tmp_path / 'enroute.db'}"}
    code, output = await run_enroute("migrate", environ=environ)
    assert code == 0, output
    return environ


def arrive(environ, trip_id: str, *, days_ago: float, off_s: int) -> None:
    arrived_at = int((time.time() - days_ago * 86_400) * 1000)
    row = Prediction(
        trip_id=trip_id,
        minutes_before=15,
        technician_id="ana",
        predicted_at=arrived_at - 900_000,
        eta_at=arrived_at + off_s * 1000,
        eta_low_at=arrived_at - 60_000,
        eta_high_at=arrived_at + 60_000,
        arrived_at=arrived_at,
    )
    store = SqlTrackStore(tracks_url(environ["ENROUTE_DATABASE"]))
    store.write_predictions([row])
    store.close()


async def test_an_empty_ledger_is_said_in_a_sentence(environ):
    assert await run_enroute("eta", "report", environ=environ) == (0, "Last 7 days: no arrivals yet.\n")


async def test_the_report_is_the_headline_and_a_line_for_each(environ):
    arrive(environ, "1", days_ago=0, off_s=40)
    arrive(environ, "2", days_ago=3, off_s=-80)
    arrive(environ, "3", days_ago=40, off_s=600)

    code, text = await run_enroute("eta", "report", "--by", "technician", environ=environ)

    assert code == 0
    assert text.splitlines() == [
        "Last 7 days: 2 visits. 15 minutes before, we were off by 60 s on average; the range held in 100 %.",
        "Technician  visits  30 min  15 min  5 min  range held",
        "ana              2       -    60 s      -       100 %",
        "all              2       -    60 s      -       100 %",
    ]


async def test_what_the_arrival_times_rest_on_is_the_last_line(environ):
    arrive(environ, "1", days_ago=0, off_s=40)
    store = SqlTrackStore(tracks_url(environ["ENROUTE_DATABASE"]))
    calibration = Calibration(trips=312, check=Check(trips=80, cold_mae_s=95.31, mae_s=92.14))
    store.write_calibration(KeptCalibration(1_795_000_000_000, 312, encode_calibration(calibration)))
    store.close()

    code, text = await run_enroute("eta", "report", environ=environ)

    assert code == 0
    assert text.splitlines()[-1] == (
        "Learned on 18 Nov from 312 trips. The 80 trips of the days before were off by 92.1 s, 95.3 s without learning."
    )


async def test_the_report_for_programs_is_that_of_the_api(environ):
    arrive(environ, "1", days_ago=0, off_s=40)

    code, text = await run_enroute("eta", "report", "--days", "30", "--json", "--time-zone", "UTC", environ=environ)

    told = json.loads(text)
    today = datetime.datetime.now(datetime.UTC).date()
    assert code == 0
    assert (told["time_zone"], told["by"], told["visits"]) == ("UTC", "day", 1)
    assert datetime.date.fromisoformat(told["from"]) == datetime.date.fromisoformat(told["to"]) - datetime.timedelta(29)
    assert abs((datetime.date.fromisoformat(told["to"]) - today).days) <= 1
    assert told["horizons"][0]["mean_error_s"] == 40.0


async def test_a_zone_that_is_none_is_refused(environ):
    code, text = await run_enroute("eta", "report", "--time-zone", "Mars/Olympus", environ=environ)

    assert code == 2
    assert "'Mars/Olympus' is no IANA time zone" in text
