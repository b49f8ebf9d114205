from math import inf
from random import Random

import numpy as np
import pytest

from tracker.roads.costs import STEP_M, TICK_S, cost, seconds_and_metres, seconds_of

NINE_HOURS_S = 9.1 * 3600


def test_a_way_costs_the_time_and_the_metres_of_its_parts_in_whatever_order_they_are_added():
    chance = Random(1)
    parts = [(chance.uniform(0.001, 300.0), chance.uniform(0.0, 9000.0)) for _ in range(200)]
    costs = [cost(seconds, metres) for seconds, metres in parts]

    total = sum(costs)

    assert {sum(chance.sample(costs, k=len(costs))) for _ in range(20)} == {total}
    (seconds,), (metres,) = (values.tolist() for values in seconds_and_metres(np.array([total])))
    assert seconds == pytest.approx(sum(seconds for seconds, _ in parts), abs=len(parts) * TICK_S / 2)
    assert metres == pytest.approx(sum(metres for _, metres in parts), abs=len(parts) * STEP_M / 2)


def test_the_shorter_time_costs_less_whatever_the_metres_and_of_the_same_time_the_shorter_way():
    assert cost(100.0, 2_000_000.0) < cost(100.0 + TICK_S, 0.0)
    assert cost(100.0, 5.0) < cost(100.0, 6.0)


def test_at_the_end_of_the_longest_day_every_metre_still_counts():
    longest = cost(NINE_HOURS_S, 1_000_000.0)

    (seconds,), (metres,) = seconds_and_metres(np.array([longest + cost(0.0, STEP_M)]))

    assert (seconds, metres) == (pytest.approx(NINE_HOURS_S, abs=TICK_S), 1_000_000.0 + STEP_M)


def test_where_no_way_leads_the_time_is_infinite():
    assert seconds_of(np.array([inf, cost(3.0, 7.0)])).tolist() == [inf, 3.0]
