"""The server, or its database, dies in the middle of a storm: what was acknowledged is there, nothing is half done."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.booking_storms.customers import Customer
from tests.booking_storms.ledger import Ledger
from tests.booking_storms.storm import installation, raging, settle_doubts
from tests.booking_storms.town import SETTINGS, settle
from tests.booking_storms.verdict import problems_of
from tests.servers import enroute_server
from tests.slots.databases import postgresql_programs, restart_at_once

CUSTOMERS = 40
FULL = [pytest.mark.full, pytest.mark.timeout(7200)]


async def crowd_of(database: str, ledger: Ledger) -> list[Customer]:
    """Customers who know that servers fail, of a fresh town; where the servers are they are told later."""
    tokens = await settle(database, customers=CUSTOMERS)
    return [
        Customer(ledger, number=number, token=token, servers=["http://127.0.0.1:1"], outages=True)
        for number, token in enumerate(tokens)
    ]


@pytest.mark.parametrize("kills", [1, pytest.param(200, marks=FULL)])
async def test_after_sigkill_every_acknowledged_change_is_there_and_nothing_is_half_done(
    database: str, tmp_path: Path, kills: int
) -> None:
    ledger, moments = Ledger(), random.Random(1)
    crowd = await crowd_of(database, ledger)
    environ = SETTINGS | {"ENROUTE_DATABASE": database}
    cut_short = 0
    for _ in range(kills):
        open_before = len(ledger.unanswered)
        async with enroute_server(tmp_path, seed=None, environ=environ) as server, raging(crowd, [server.url]):
            await ledger.more("told", moments.randrange(10, 60))
            server.process.kill()
            await server.process.wait()
        cut_short += len(ledger.unanswered) > open_before
        assert problems_of(database, ledger) == []
    async with enroute_server(tmp_path, seed=None, environ=environ) as server:
        await settle_doubts(crowd, [server.url])

    assert problems_of(database, ledger) == []
    assert cut_short > kills / 2


@pytest.mark.parametrize("restarts", [1, pytest.param(50, marks=FULL)])
async def test_immediate_restarts_of_postgresql_give_503_never_a_false_yes_and_the_server_goes_on(
    on_postgresql: str, tmp_path: Path, restarts: int
) -> None:
    ledger, moments = Ledger(), random.Random(1)
    crowd = await crowd_of(on_postgresql, ledger)
    programs = postgresql_programs()
    assert programs is not None
    async with installation(tmp_path, database=on_postgresql, processes=2) as servers:
        urls = [server.url for server in servers]
        for _ in range(restarts):
            async with raging(crowd, urls):
                await ledger.more("told", moments.randrange(10, 60))
                await asyncio.to_thread(restart_at_once, programs, on_postgresql)
                await ledger.more("told", 20)
            await settle_doubts(crowd, urls)
            assert problems_of(on_postgresql, ledger) == []
        exits = [server.process.returncode for server in servers]

    assert exits == [None, None]
    seen = {outcome.partition(" ")[2] for outcome in ledger.outcomes}
    assert "storage_unavailable" in seen
    assert "cut" not in seen


async def test_a_database_that_hung_up_on_an_idle_server_is_found_again_by_the_next_request(
    on_postgresql: str, tmp_path: Path
) -> None:
    ledger = Ledger()
    crowd = await crowd_of(on_postgresql, ledger)
    programs = postgresql_programs()
    assert programs is not None
    async with installation(tmp_path, database=on_postgresql, processes=1) as (server,):
        async with raging(crowd, [server.url]):
            await ledger.more("told", 10)
        restart_at_once(programs, on_postgresql)
        async with server.client() as client:
            answer = await client.get("/readyz")

    assert answer.status_code == 200
