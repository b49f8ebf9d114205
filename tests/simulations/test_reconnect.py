from __future__ import annotations

from random import Random

import pytest

from simulations.reconnect import Backoff, comes_back


@pytest.mark.parametrize(
    ("code", "back"),
    [(1000, True), (1006, True), (1012, True), (4401, True), (4429, True), (4500, False), (4510, False)],
)
def test_the_close_code_says_whether_to_come_back(code, back):
    assert comes_back(code) is back


@pytest.mark.parametrize(("code", "bound_s"), [(1006, 4.0), (None, 4.0), (1012, 6.0), (4429, 6.0)])
def test_waits_are_spread_and_their_bound_doubles_to_twenty_seconds(code, bound_s):
    firsts = [Backoff(Random(n)).next_s(code) for n in range(200)]
    backoff = Backoff(Random(1))
    later = [backoff.next_s(code) for _ in range(2000)]

    assert 0.5 <= min(firsts) < 1.0 < bound_s - 0.5 < max(firsts) <= bound_s
    assert 15.0 < max(later) <= 20.0


def test_a_connection_that_worked_starts_over():
    backoff = Backoff(Random(1))
    for _ in range(10):
        backoff.next_s(1012)

    backoff.worked()

    assert backoff.next_s(1012) <= 6.0
