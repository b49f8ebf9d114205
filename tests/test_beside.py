"""The tests that run in a process beside a whole run count as all others do."""

from __future__ import annotations

import pytest

from tests.beside import WAITING, WaitingTests, waits
from tests.servers import ROOT


def test_whatever_is_left_to_the_process_beside_exists():
    assert [path for path in WAITING if not (ROOT / path).exists()] == []
    assert waits(ROOT / "tests/web/live/test_watching.py")
    assert not waits(ROOT / "tests/web/test_live_api.py")


@pytest.mark.timeout(3600)
def test_those_that_wait_for_servers_hold_too(tests_that_wait: WaitingTests | None):
    if tests_that_wait is None:
        # They run among the others.
        return
    code, said = tests_that_wait.outcome()

    assert code == 0, said[-20_000:]
