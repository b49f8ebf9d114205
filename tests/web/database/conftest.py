"""A server on a PostgreSQL of its own, which the tests stop and start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import create_engine, text

from slots.store import sync_url
from tests.servers import SEED, EnrouteServer, enroute_server, run_enroute
from tests.slots.databases import create_database, postgresql_server

TECHNICIAN = "ana"
# The names of the partitions of the fixes.
DAYS = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'fix_batches'::regclass"
)


@pytest.fixture(scope="package")
def postgresql(programs: Path) -> Iterator[str]:
    """The URL of the database."""
    with postgresql_server(programs) as url:
        yield create_database(url, "enroute")


@pytest_asyncio.fixture(scope="package")
async def server(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EnrouteServer]:
    environ = {"ENROUTE_DATABASE": postgresql, "ENROUTE_MIN_LEAD_S": "0"}
    code, output = await run_enroute("migrate", environ=environ)
    assert code == 0, output
    _forget_the_days(postgresql)
    async with enroute_server(tmp_path_factory.mktemp("outage"), seed=SEED, environ=environ) as running:
        running.database = postgresql
        yield running
    failed = [line for line in running.errors.splitlines() if "enroute.http" in line and '"level":"error"' in line]
    assert failed == []


def _forget_the_days(url: str) -> None:
    """As after a week without a server: nobody has made room for the fixes of today."""
    engine = create_engine(sync_url(url))
    with engine.begin() as connection:
        for day in connection.execute(DAYS).scalars().all():
            connection.execute(text(f"DROP TABLE {day}"))
    engine.dispose()


@pytest_asyncio.fixture(scope="package")
async def customer(server: EnrouteServer) -> AsyncIterator[httpx.AsyncClient]:
    async with server.signed_in("rui@acme.example") as client:
        yield client


@pytest_asyncio.fixture(scope="package")
async def technician(server: EnrouteServer) -> AsyncIterator[httpx.AsyncClient]:
    async with server.signed_in("ana@enroute.example") as client:
        yield client


@pytest_asyncio.fixture(scope="package")
async def dispatcher(server: EnrouteServer) -> AsyncIterator[httpx.AsyncClient]:
    async with server.signed_in("dora@enroute.example") as client:
        yield client
