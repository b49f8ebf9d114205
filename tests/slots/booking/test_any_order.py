"""Random days of a booking office: every use case in any order, each answered as the office on paper would.

The paper is `machine.paper`; what must hold after every step is in `machine.checks`.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

from slots.store import open_database
from tests.slots.booking.machine.checks import BookingMachine

# Days, and steps of each.
REDUCED = (8, 25)
FULL = (300, 60)


@pytest.mark.parametrize(
    ("days", "steps"), [REDUCED, pytest.param(*FULL, marks=[pytest.mark.full, pytest.mark.timeout(3600)])]
)
def test_in_any_order_of_requests_nothing_overlaps_nothing_is_lost_and_no_state_is_illegal(
    either_url: str, days: int, steps: int
) -> None:
    loop = asyncio.new_event_loop()
    opened = open_database(either_url)

    class Day(BookingMachine):
        database = opened
        begun = 0

        def __init__(self) -> None:
            super().__init__()
            Day.begun += 1

    Day.loop = loop
    try:
        while (left := days - Day.begun) > 0:
            # Which of two that ask at once comes first is the database's choice: the same day may go on otherwise, and
            # Hypothesis, which takes that for a mistake in the making of days, has to begin anew.
            with contextlib.suppress(FlakyStrategyDefinition):
                run_state_machine_as_test(
                    Day,
                    settings=settings(
                        max_examples=left,
                        stateful_step_count=steps,
                        deadline=None,
                        # A day that fails is short enough to read; making it shorter takes minutes.
                        phases=[Phase.explicit, Phase.reuse, Phase.generate],
                        report_multiple_bugs=False,
                        suppress_health_check=list(HealthCheck),
                    ),
                )
    finally:
        loop.run_until_complete(opened.close())
        loop.close()
