"""The server, or its database, dies in the middle of a storm: what was acknowledged is there, nothing is half done."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from slots.postgresql_store import ANSWER_WITHIN_S
from tests.booking_storms.conftest import Town
from tests.booking_storms.customers import Customer
from tests.booking_storms.ledger import Ledger
from tests.booking_storms.storm import installation, raging, settle_doubts
from tests.booking_storms.town import SETTINGS
from tests.booking_storms.verdict import problems_of
from tests.servers import enroute_server
from tests.slots.databases import postgresql_programs, postgresql_stopped, restart_at_once

CUSTOMERS = 40
SILENCES = 10
FULL = [pytest.mark.full, pytest.mark.timeout(7200)]


def crowd_of(town: Town, ledger: Ledger) -> list[Customer]:
    """Customers who know that servers fail; where the servers are they are told later."""
    return [
        Customer(ledger, number=number, token=token, servers=["http://127.0.0.1:1"], outages=True)
        for number, token in enumerate(town.tokens[:CUSTOMERS])
    ]


async def test_after_sigkill_every_acknowledged_change_is_there_and_nothing_is_half_done(
    on_sqlite: Town, tmp_path: Path
) -> None:
    await _kill_again_and_again(on_sqlite, tmp_path, kills=1)


@pytest.mark.full
@pytest.mark.timeout(7200)
async def test_after_each_of_200_sigkills_every_acknowledged_change_is_there_and_nothing_is_half_done(
    town: Town, tmp_path: Path
) -> None:
    await _kill_again_and_again(town, tmp_path, kills=200)


async def _kill_again_and_again(town: Town, folder: Path, *, kills: int) -> None:
    ledger, moments = Ledger(), random.Random(1)
    crowd = crowd_of(town, ledger)
    environ = SETTINGS | {"ENROUTE_DATABASE": town.database}
    cut_short = 0
    for _ in range(kills):
        open_before = len(ledger.unanswered)
        async with enroute_server(folder, seed=None, environ=environ) as server, raging(crowd, [server.url]):
            await ledger.more("told", moments.randrange(10, 60))
            server.process.kill()
            await server.process.wait()
        cut_short += len(ledger.unanswered) > open_before
        assert problems_of(town.database, ledger) == []
    async with enroute_server(folder, seed=None, environ=environ) as server:
        await settle_doubts(crowd, [server.url])

    assert problems_of(town.database, ledger) == []
    assert cut_short > kills / 2


@pytest.mark.parametrize(("processes", "restarts"), [(1, 1), pytest.param(2, 50, marks=FULL)])
async def test_immediate_restarts_of_postgresql_give_503_never_a_false_yes_and_the_server_goes_on(
    on_postgresql: Town, tmp_path: Path, processes: int, restarts: int
) -> None:
    ledger, moments = Ledger(), random.Random(1)
    crowd = crowd_of(on_postgresql, ledger)
    programs = postgresql_programs()
    assert programs is not None
    async with installation(tmp_path, database=on_postgresql.database, processes=processes) as servers:
        urls = [server.url for server in servers]
        for _ in range(restarts):
            async with raging(crowd, urls):
                await ledger.more("told", moments.randrange(10, 60))
                await asyncio.to_thread(restart_at_once, programs, on_postgresql.database)
                await ledger.more("told", 20)
            await settle_doubts(crowd, urls)
            assert problems_of(on_postgresql.database, ledger) == []
        exits = {server.process.returncode for server in servers}

    assert exits == {None}
    seen = {outcome.partition(" ")[2] for outcome in ledger.outcomes}
    assert "storage_unavailable" in seen
    assert "cut" not in seen


@pytest.mark.full
@pytest.mark.timeout(7200)
async def test_silences_of_postgresql_give_503_never_a_false_yes_and_the_server_goes_on(
    on_postgresql: Town, tmp_path: Path
) -> None:
    ledger, moments = Ledger(), random.Random(1)
    crowd = crowd_of(on_postgresql, ledger)
    async with installation(tmp_path, database=on_postgresql.database, processes=2) as servers:
        urls = [server.url for server in servers]
        for _ in range(SILENCES):
            async with raging(crowd, urls):
                await ledger.more("told", moments.randrange(10, 60))
                with postgresql_stopped(on_postgresql.database):
                    # Long enough for every connection to be given up.
                    await asyncio.sleep(2 * ANSWER_WITHIN_S)
                await ledger.more("told", 20)
            await settle_doubts(crowd, urls)
            assert problems_of(on_postgresql.database, ledger) == []
        exits = {server.process.returncode for server in servers}

    assert exits == {None}
    seen = {outcome.partition(" ")[2] for outcome in ledger.outcomes}
    assert "storage_unavailable" in seen
    assert "cut" not in seen
