from __future__ import annotations

import pytest

from benchmarks.targets import at_least, at_most, print_targets


def test_a_bound_itself_is_reached() -> None:
    assert [at_most("age", value, 2.0).reached for value in (1.9, 2.0, 2.1)] == [True, True, False]
    assert [at_least("rate", value, 2.0).reached for value in (1.9, 2.0, 2.1)] == [False, True, True]


def test_what_could_not_be_measured_is_a_miss(capsys: pytest.CaptureFixture[str]) -> None:
    target = at_most("the last was cut after", None, 30.0, "s")

    print_targets([target], smoke=False)

    assert not target.reached
    assert "<= 30 s      nothing  NOT REACHED" in capsys.readouterr().out
