from tests.tracker.journeys import NOW_MS
from tracker.ledger import KEEP_EVERY_MS, KEPT, PredictionLog
from tracker.records import Prediction

MINUTE_MS = 60_000


def test_each_horizon_gets_the_last_prediction_told_that_long_before_the_arrival():
    log = PredictionLog()
    arrived_at = NOW_MS + 40 * MINUTE_MS
    for minute in range(40):
        at_ms = NOW_MS + minute * MINUTE_MS
        log.note(at_ms=at_ms, eta_at=arrived_at + minute, low_at=at_ms, high_at=arrived_at + 99)

    rows = log.settle(trip_id="visit", technician_id="ana", arrived_at=arrived_at)

    assert [(row.minutes_before, row.predicted_at, row.eta_at) for row in rows] == [
        (30, NOW_MS + 10 * MINUTE_MS, arrived_at + 10),
        (15, NOW_MS + 25 * MINUTE_MS, arrived_at + 25),
        (5, NOW_MS + 35 * MINUTE_MS, arrived_at + 35),
    ]
    assert rows[2] == Prediction(
        "visit",
        5,
        "ana",
        NOW_MS + 35 * MINUTE_MS,
        arrived_at + 35,
        NOW_MS + 35 * MINUTE_MS,
        arrived_at + 99,
        arrived_at,
    )


def test_a_short_trip_has_no_prediction_for_the_long_horizons():
    log = PredictionLog()
    log.note(at_ms=NOW_MS, eta_at=NOW_MS + 1, low_at=NOW_MS, high_at=NOW_MS + 2)

    rows = log.settle(trip_id="visit", technician_id="ana", arrived_at=NOW_MS + 6 * MINUTE_MS)

    assert [row.minutes_before for row in rows] == [5]
    assert PredictionLog().settle(trip_id="visit", technician_id="ana", arrived_at=NOW_MS) == []


def test_predictions_are_kept_seldom_and_not_for_ever():
    log = PredictionLog()
    for number in range(4 * KEPT):
        at_ms = NOW_MS + number * KEEP_EVERY_MS // 2
        log.note(at_ms=at_ms, eta_at=at_ms, low_at=at_ms, high_at=at_ms)

    assert len(log._rows) <= KEPT
    assert log._rows[-1][0] - log._rows[-2][0] == KEEP_EVERY_MS
