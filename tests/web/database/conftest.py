"""A server on a PostgreSQL of its own, which the tests stop and start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.servers import SEED, EnrouteServer, enroute_server, run_enroute
from tests.slots.databases import create_database, postgresql_programs, postgresql_server

TECHNICIAN = "ana"


@pytest.fixture(scope="package")
def programs() -> Path:
    found = postgresql_programs()
    if found is None:
        pytest.skip("PostgreSQL's programs are not installed")
    return found


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
    async with enroute_server(tmp_path_factory.mktemp("outage"), seed=SEED, environ=environ) as running:
        running.database = postgresql
        yield running
    failed = [line for line in running.errors.splitlines() if "enroute.http" in line and '"level":"error"' in line]
    assert failed == []


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
