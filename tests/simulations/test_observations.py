from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.observations import Distribution, Observations, Prediction, judge


@given(st.lists(st.floats(0.06, 1e6), min_size=1, max_size=200), st.sampled_from([50, 90, 99]))
def test_a_percentile_is_exact_to_the_width_of_a_bin(values, percent):
    found = Distribution()

    for value in values:
        found.add(value)

    rank = -(-len(values) * percent // 100)
    exact = sorted(values)[rank - 1]
    assert exact * 0.999 <= found.percentile(percent) <= exact * 1.051


def test_nothing_measured_has_no_percentile():
    assert Distribution().percentile(50) is None
    assert Distribution().summary()["max"] is None


def test_a_prediction_is_judged_by_its_lead_its_error_and_its_range():
    inside = Prediction(at_ms=0, eta_ms=110_000, low_ms=90_000, high_ms=130_000)
    outside = Prediction(at_ms=40_000, eta_ms=80_000, low_ms=70_000, high_ms=90_000)
    too_late = Prediction(at_ms=100_000, eta_ms=100_000, low_ms=None, high_ms=None)

    first, second = judge([inside, outside, too_late], 100_000)

    assert (first.lead_s, first.error_s, first.covered) == (100.0, 10.0, True)
    assert (second.lead_s, second.error_s, second.covered) == (60.0, -20.0, False)


def test_of_each_lead_time_one_trip_counts_once():
    seen = Observations()
    every_second = [Prediction(t * 1000, 400_000, 300_000, 500_000) for t in range(0, 400, 1)]

    seen.arrived(every_second, arrived_ms=400_000)

    rows = seen.eta_by_lead()
    assert [(row["minutes_before"], row["arrivals"]) for row in rows] == [(5, 1), (2, 1)]
    assert rows[0]["coverage"] == pytest.approx(1.0)
