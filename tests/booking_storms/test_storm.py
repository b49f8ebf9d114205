"""Many customers at once want the same few places, from one, two and four processes, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.booking_storms.conftest import Town
from tests.booking_storms.storm import StormReport, installation, storm

FEW, IN_FLIGHT_OF_FEW = 250, 50
MANY, IN_FLIGHT_OF_MANY = 100_000, 200
# A tenth of a second for an attempt: what a machine that does other things too may need.
MANY_WITHIN_S = MANY // 10


async def _storm(town: Town, folder: Path, *, processes: int, attempts: int, in_flight: int) -> StormReport:
    async with installation(folder, database=town.database, processes=processes) as servers:
        urls = [server.url for server in servers]
        return await storm(urls, database=town.database, tokens=town.tokens[:in_flight], attempts=attempts)


async def test_a_storm_from_two_processes_ends_without_overlap_loss_double_booking_or_fault(
    town: Town, tmp_path: Path
) -> None:
    report = await _storm(town, tmp_path, processes=2, attempts=FEW, in_flight=IN_FLIGHT_OF_FEW)

    assert report.problems == []
    assert report.attempts >= FEW
    assert {"book 201", "book slot_taken", "hold 201"} <= report.outcomes.keys()
    assert report.repeated > 0


@pytest.mark.full
@pytest.mark.timeout(MANY_WITHIN_S)
@pytest.mark.parametrize("processes", [1, 2, 4])
async def test_a_hundred_thousand_attempts_end_without_overlap_loss_double_booking_or_fault(
    town: Town, tmp_path: Path, processes: int
) -> None:
    report = await _storm(town, tmp_path, processes=processes, attempts=MANY, in_flight=IN_FLIGHT_OF_MANY)

    assert report.problems == []
    assert report.attempts >= MANY
    assert {"book 201", "book slot_taken", "book hold_expired", "hold 201", "hold slot_taken"} <= report.outcomes.keys()
    assert {"move 200", "move slot_taken", "cancel 200", "cancel stale_version"} <= report.outcomes.keys()
    assert report.repeated > 0
