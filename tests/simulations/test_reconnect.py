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


def test_waits_are_spread_and_their_bound_doubles_to_twenty_seconds():
    firsts = [Backoff(Random(n)).next_s() for n in range(200)]
    backoff = Backoff(Random(1))
    later = [backoff.next_s() for _ in range(200)]

    assert 0.5 <= min(firsts) < 1.0 < 3.5 < max(firsts) <= 4.0
    assert 4.0 < max(later) <= 20.0


def test_a_connection_that_worked_starts_over():
    backoff = Backoff(Random(1))
    for _ in range(10):
        backoff.next_s()

    backoff.worked()

    assert backoff.next_s() <= 4.0
