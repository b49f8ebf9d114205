from __future__ import annotations

from simulations.replay_verdict import ReplayResult, judge_trip
from simulations.tracks import Track, TrackPoint
from simulations.watch_log import WatchLog
from tests.simulations.test_watch_log import position

PARKED = Track("parked", tuple(TrackPoint(t, 41.15 + max(0, 60 - t) * 1e-4, -8.62) for t in range(0, 121, 15)))


def told(*, arrived: bool = True) -> WatchLog:
    log = WatchLog()
    for point in PARKED.points:
        log.receive(position(round(point.t_s * 1000)), now_ms=0)
    log.arrived_ms = 1.0 if arrived else None
    return log


def judged(log: WatchLog, *, unconfirmed: int = 0):
    return judge_trip(PARKED, log, rejected={"duplicate": 1}, unconfirmed=unconfirmed, radius_m=75)


def test_a_trip_whose_promises_were_kept_passes():
    verdict = judged(told())

    assert verdict.passed
    assert verdict.expected_arrival
    assert verdict.eta_error_s is not None


def test_a_due_arrival_that_was_not_announced_fails_the_trip():
    assert not judged(told(arrived=False)).passed


def test_a_fix_neither_taken_nor_refused_fails_the_trip():
    assert not judged(told(), unconfirmed=1).passed


def test_a_trip_of_which_nothing_was_shown_fails():
    assert not judged(WatchLog(arrived_ms=1.0)).passed


def test_the_summary_counts_refusals_arrivals_and_arrival_times():
    result = ReplayResult(trips=[judged(told()), judged(told(arrived=False))], failed={"lost": "no slot"})

    text = "\n".join(result.lines())

    assert "2 replayed, 1 failed" in text
    assert "18 sent, 2 refused: 2 duplicate" in text
    assert "ETA known    at 18 of 18 positions" in text
    assert "Arrivals     1 of 2 due" in text
    assert "Not kept     parked: arrival not announced" in text
    assert not result.passed
