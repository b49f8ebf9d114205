"""The tests that run in processes beside a whole run count as all others do."""

from __future__ import annotations

import pytest

from tests.beside import WAITING, WaitingTests, waits
from tests.servers import ROOT


def test_whatever_is_left_to_the_processes_beside_exists():
    assert [path for paths in WAITING.values() for path in paths if not (ROOT / path).exists()] == []
    assert waits(ROOT / "tests/web/live/test_watching.py")
    assert not waits(ROOT / "tests/web/test_live_api.py")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", WAITING)
def test_those_that_wait_hold_too(tests_that_wait: dict[str, WaitingTests], what: str):
    if not tests_that_wait:
        # They run among the others.
        return
    code, said = tests_that_wait[what].outcome()

    assert code == 0, said[-20_000:]
