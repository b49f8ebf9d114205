"""Room for the fixes of the days to come is made long before midnight, by a server that runs."""

from __future__ import annotations

import asyncio
import datetime

from sqlalchemy import create_engine

from slots.store import sync_url
from tests.servers import EnrouteServer
from tests.web.database.conftest import DAYS

WITHIN_S = 20.0


async def test_a_server_makes_the_partitions_of_the_next_days_before_anybody_needs_them(server: EnrouteServer) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    wanted = {f"fix_batches_{today + datetime.timedelta(days=ahead):%Y%m%d}" for ahead in range(3)}
    engine = create_engine(sync_url(server.database))
    async with asyncio.timeout(WITHIN_S):
        while True:
            with engine.connect() as connection:
                made = set(connection.execute(DAYS).scalars())
            if made >= wanted:
                break
            await asyncio.sleep(0.05)
    engine.dispose()
