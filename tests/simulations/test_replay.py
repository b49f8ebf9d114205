from __future__ import annotations

import pytest

from simulations.journeys import drive, quickest_path
from simulations.observations import Observations
from simulations.replay import MAX, REAL, Replay, replay_lanes
from simulations.replay_phone import replay_phone
from simulations.run_clock import RunClock
from simulations.staging import make_lanes, staging_file
from simulations.tracks import Track, TrackPoint
from tests.simulations.cities import small_city

PASSWORD = "at least eight"


def recorded(name: str, *, start: int, end: int, every_s: int = 15, parked_s: int = 45) -> Track:
    """A drive through the small city as a phone would have recorded it some years ago."""
    city = small_city()
    nodes = sorted(city.leaving)
    journey = drive(city, quickest_path(city, nodes[start], nodes[end]), seed=name)
    times = range(0, int(journey.duration_s) + parked_s, every_s)
    moments = [journey.at(t) for t in times]
    return Track(name, tuple(TrackPoint(1_400_000_000 + m.t_s, m.lat, m.lon) for m in moments))


def replay(url: str, speed: float) -> Replay:
    return Replay(
        base_url=url,
        password=PASSWORD,
        speed=speed,
        radius_m=75,
        clock=RunClock(),
        observations=Observations(),
    )


async def test_a_fast_replay_keeps_every_promise(playground, admin):
    tracks = [recorded("one", start=3, end=200), recorded("two", start=120, end=9)]
    lanes = make_lanes(tracks, lanes=1, run="fast", in_real_time=False)
    plan = replay(playground.url, 200.0)
    done: list[str] = []
    await admin.post("/api/dispatch/import", staging_file(lanes, password=PASSWORD))

    result = await replay_lanes(lanes, plan, admin=admin, done=done.append)

    assert (result.failed, done) == ({}, ["one", "two"])
    assert result.passed, result.lines()
    assert all(trip.announced and trip.expected_arrival for trip in result.trips)
    assert not plan.observations.errors


async def test_as_fast_as_possible_nothing_is_lost_either(playground, admin):
    lanes = make_lanes([recorded("three", start=40, end=170)], lanes=4, run="max", in_real_time=False)
    await admin.post("/api/dispatch/import", staging_file(lanes, password=PASSWORD))

    result = await replay_lanes(lanes, replay(playground.url, MAX), admin=admin, done=lambda name: None)

    assert result.passed, result.lines()


async def test_a_phone_of_the_installation_can_be_replayed_without_a_watcher(playground, admin):
    token = (await admin.post("/api/dispatch/device-tokens", {"technician": "ana"})).body["token"]
    track = recorded("four", start=5, end=60)

    result = await replay_phone(
        [track], replay(playground.url, MAX), device_token=token, watch=None, done=lambda name: None
    )

    assert result.passed, result.lines()
    assert "Watcher      none" in "\n".join(result.lines())


def test_in_real_time_the_first_fix_is_now_and_faster_the_last_one_will_be():
    track = recorded("five", start=3, end=200)
    lasts_s = track.end_s - track.start_s

    real, tenfold, at_once = (replay("http://127.0.0.1", speed) for speed in (REAL, 10.0, MAX))

    assert real.timed(track).start_s == pytest.approx(real.clock.now_ms() / 1000, abs=5)
    assert tenfold.timed(track).end_s == pytest.approx(tenfold.clock.now_ms() / 1000 + lasts_s / 10, abs=5)
    assert at_once.timed(track).end_s == pytest.approx(at_once.clock.now_ms() / 1000, abs=5)
