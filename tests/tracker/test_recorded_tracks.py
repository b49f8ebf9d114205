"""Recorded drives through the core, where the folder with recordings is at hand (``ENROUTE_TEST_DATA``)."""

import csv
import itertools
import os
from collections import Counter
from pathlib import Path

import pytest

from tracker.damage import damaged
from tracker.filters import Kept, Rejection, TrackFilter
from tracker.geo import distance_m
from tracker.messages import Fix
from tracker.recordings import read_recordings
from tracker.rehearsal import Rehearsal
from tracker.roads.build import build_graph
from tracker.scoring import score, scored_trip
from tracker.trip import Trip

DATA = Path(os.environ.get("ENROUTE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
FILES = ("munich_1hz.csv", "porto_dev_pm.csv", "porto_dev_am.csv")
RADIUS_M = 75.0


def recorded_trips(name: str) -> list[list[Fix]]:
    path = DATA / "tracks" / name
    if not path.exists():
        pytest.skip("no folder with recorded tracks here (ENROUTE_TEST_DATA)")
    with path.open() as file:
        rows = [
            (row["trip_id"], Fix(round(float(row["t"]) * 1000), float(row["lat"]), float(row["lon"])))
            for row in csv.DictReader(file)
        ]
    return [[fix for _, fix in group] for _, group in itertools.groupby(rows, key=lambda row: row[0])]


def stays_inside(fixes: list[Fix]) -> bool:
    """Do the last two fixes or more, over 20 s or more, lie within the radius of the last one?"""
    end = fixes[-1]
    inside = list(
        itertools.takewhile(
            lambda fix: distance_m(lat=fix.lat, lon=fix.lon, to_lat=end.lat, to_lon=end.lon) <= RADIUS_M - 1,
            reversed(fixes),
        )
    )
    return len(inside) >= 2 and end.fixed_at - inside[-1].fixed_at >= 20_000


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_fix_is_taken_or_named_and_leaves_an_arrival_time(name: str):
    verdicts: Counter[str] = Counter()

    for fixes in recorded_trips(name):
        trip = Trip(track=TrackFilter(), lat=fixes[-1].lat, lon=fixes[-1].lon, arrival_radius_m=RADIUS_M)
        for fix in fixes:
            verdict = trip.receive(fix, fix.fixed_at)
            verdicts[verdict.value] += 1
            assert isinstance(verdict, Kept | Rejection)
            if verdict is Kept.CURRENT:
                position = trip.position(1, fix.fixed_at)
                assert position.eta_low_at <= position.eta_at <= position.eta_high_at

    assert verdicts["current"] > 0.99 * verdicts.total()


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_trip_that_stays_at_its_end_arrives(name: str):
    missed = []

    for number, fixes in enumerate(recorded_trips(name)):
        trip = Trip(track=TrackFilter(), lat=fixes[-1].lat, lon=fixes[-1].lon, arrival_radius_m=RADIUS_M)
        for fix in fixes:
            trip.receive(fix, fix.fixed_at)
        if stays_inside(fixes) and trip.arrival.arrived_at is None:
            missed.append(number)

    assert missed == []


def test_arrivals_on_recorded_trips_are_right_within_loose_bounds_also_when_the_feed_is_damaged():
    tracks, extract = DATA / "tracks" / "porto_dev_pm.csv", DATA / "maps" / "porto.osm.pbf"
    if not (tracks.exists() and extract.exists()):
        pytest.skip("no folder with recorded tracks and their map here (ENROUTE_TEST_DATA)")
    with tracks.open(newline="") as lines:
        recordings = read_recordings(tracks.name, lines)
    rehearsal = Rehearsal(build_graph(extract))

    def scored(feed):
        trips = []
        for recording in recordings:
            rehearsal.start(lat=recording.destination.lat, lon=recording.destination.lon)
            told = []
            for fix in feed(recording):
                rehearsal.receive(fix)
                told.append((fix.fixed_at, rehearsal.told(fix.fixed_at)))
                rehearsal.line_up()
                assert 0 <= told[-1][1].low_s <= told[-1][1].eta_s <= told[-1][1].high_s
            trips.append(scored_trip(recording, told))
        return score(trips)

    good, bad = scored(lambda recording: recording.fixes), scored(lambda recording: damaged(recording, seed=1))

    # An evening rush hour: the worst of days.
    assert good.mae_s < 160
    assert good.mape_pct < 40
    assert 65 < good.covered_pct < 90
    assert bad.mae_s < 1.2 * good.mae_s
