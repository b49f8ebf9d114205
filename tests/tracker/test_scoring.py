import pytest

from tracker.scoring import Prediction, ScoredTrip, score


def told(at_s: float, eta_s: float, *, low_s: float | None = None, high_s: float | None = None, arriving=False):
    return Prediction(at_s, eta_s, eta_s if low_s is None else low_s, eta_s if high_s is None else high_s, arriving)


def trip(*predictions: Prediction, arrived_s: float = 400.0) -> ScoredTrip:
    return ScoredTrip(0.0, arrived_s, predictions)


def test_errors_are_reckoned_at_every_position_before_the_arrival():
    result = score([trip(told(0, 500), told(200, 210), told(400, 99), told(500, 99))])

    assert (result.trips, result.positions) == (1, 2)
    assert result.mae_s == pytest.approx((100 + 10) / 2)
    assert result.mape_pct == pytest.approx(100 * (100 / 400 + 10 / 200) / 2)
    assert result.good_pct == 50
    assert result.jump_s == pytest.approx(90)


def test_the_range_is_held_against_the_truth_by_quarter_of_the_trip():
    holds = {"low_s": 0, "high_s": 1000}

    result = score([trip(told(0, 400, **holds), told(150, 1), told(250, 150, **holds), told(399, 1, **holds))])

    assert result.covered_pct == 75
    assert result.covered_quarters_pct == (100, 0, 100, 100)


def test_the_last_two_minutes_are_counted_of_their_own():
    assert score([trip(told(0, 0), told(290, 100), told(390, 20))]).last_mae_s == pytest.approx(10)


def test_arriving_is_early_when_said_more_than_a_minute_before():
    early = trip(told(300, 10, arriving=True))
    right = trip(told(350, 10, arriving=True))

    assert score([early, right]).early_pct == 50


def test_nothing_before_an_arrival_is_no_score():
    with pytest.raises(ValueError, match="before an arrival"):
        score([trip(told(500, 1))])
