"""A process takes its share of PostgreSQL's connections and no more."""

from __future__ import annotations

import asyncio

import httpx
from sqlalchemy import create_engine, text

from slots import postgresql_store
from slots.store import sync_url
from tests.servers import EnrouteServer
from tests.web.database.conftest import TECHNICIAN
from tests.web.live.visits import device_token, next_fix
from tracker import postgresql_store as tracks
from web.config import Settings

AT_ONCE = 40
COUNT = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")


def test_both_rooms_agree_on_what_the_tracks_have():
    assert tracks.CONNECTIONS == postgresql_store.TRACK_CONNECTIONS
    assert Settings().database_connections == postgresql_store.CONNECTIONS


async def test_a_server_that_is_busy_with_everything_at_once_stays_within_its_share(
    server: EnrouteServer, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
) -> None:
    headers = {"Authorization": f"Bearer {await device_token(dispatcher, TECHNICIAN)}"}
    engine = create_engine(sync_url(server.database))
    most = 0

    async def ask(client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path, timeout=60)
        assert answer.status_code == 200, answer.text

    async def post() -> None:
        answer = await customer.post("/in/fix", json=next_fix(), headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text

    with engine.connect() as connection:
        asking = [
            asyncio.ensure_future(each)
            for _ in range(AT_ONCE)
            for each in (
                ask(customer, "/api/profile"),
                ask(customer, "/api/appointments"),
                ask(dispatcher, "/api/dispatch/eta-accuracy"),
                post(),
            )
        ]
        together = asyncio.gather(*asking)
        while not together.done():
            most = max(most, connection.execute(COUNT).scalar_one())
            connection.rollback()
            await asyncio.sleep(0.01)
        await together
    engine.dispose()

    assert 4 < most <= postgresql_store.CONNECTIONS
