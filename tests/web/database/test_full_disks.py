"""The disk of a database runs full, under its tables and its log: a clear no, no false yes, and work goes on without a
restart of the server when there is room again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from slots.store import sync_url
from tests.servers import SEED, EnrouteServer, enroute_server, run_enroute
from tests.slots.databases import create_database, postgresql_server, restart_at_once
from tests.small_disks import no_room_left, small_disk
from tests.web.database.conftest import TECHNICIAN
from tests.web.live.visits import device_token, next_fix

# On a full disk a fix is refused after seconds, and the database itself may give up and come again.
WITHIN_S = 90.0
CODES = {"storage_full", "storage_unavailable", "busy"}


@pytest.fixture(params=["sqlite", "postgresql"])
def disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    with small_disk(mib=32 if request.param == "sqlite" else 80) as folder:
        yield folder


@pytest.fixture
def database(request: pytest.FixtureRequest, disk: Path) -> Iterator[str]:
    """The URL of a database that lies on the disk with everything it writes."""
    if request.node.callspec.params["disk"] == "sqlite":
        yield f"sqlite:///{disk / 'enroute.db'}"
        return
    with postgresql_server(request.getfixturevalue("programs"), on=disk) as url:
        yield create_database(url, "enroute")


@pytest_asyncio.fixture
async def small_server(database: str, tmp_path: Path) -> AsyncIterator[EnrouteServer]:
    environ = {"ENROUTE_DATABASE": database}
    code, output = await run_enroute("migrate", environ=environ)
    assert code == 0, output
    async with enroute_server(tmp_path, seed=SEED, environ=environ) as running:
        running.database = database
        yield running


def fill_the_log(url: str) -> None:
    """PostgreSQL writes its log into files it has made ahead: those are to be full too. Returns when it gave up."""
    if url.startswith("sqlite"):
        return
    engine = create_engine(sync_url(url))
    with contextlib.suppress(OperationalError), engine.connect() as connection:
        while True:
            connection.execute(text("SELECT pg_logical_emit_message(true, 'ballast', repeat('x', 200000))"))
            connection.commit()
    engine.dispose()


def mend(request: pytest.FixtureRequest, url: str) -> None:
    """What the service manager of the database's machine does: a PostgreSQL that gave up is started again."""
    if not url.startswith("sqlite"):
        restart_at_once(request.getfixturevalue("programs"), url)


async def refused(answer: httpx.Response) -> bool:
    if answer.status_code == 503:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] in CODES
        assert int(answer.headers["retry-after"]) >= 1
        return True
    assert answer.status_code == 200, answer.text
    return False


async def test_a_full_disk_is_a_clear_no_for_changes_duties_and_fixes_and_all_goes_on_when_there_is_room(
    small_server: EnrouteServer, disk: Path, request: pytest.FixtureRequest
) -> None:
    server = small_server
    async with (
        server.signed_in("rui@acme.example") as customer,
        server.signed_in("ana@enroute.example") as technician,
        server.signed_in("dora@enroute.example") as dispatcher,
    ):
        for client in (customer, technician, dispatcher):
            client.timeout = httpx.Timeout(WITHIN_S)
        headers = {"Authorization": f"Bearer {await device_token(dispatcher, TECHNICIAN)}"}
        kept: list[str] = []

        async def rename(name: str) -> bool:
            """Whether that was refused."""
            answer = await customer.put("/api/profile", json={"name": name})
            if await refused(answer):
                return True
            kept.append(name)
            return False

        async def fix() -> bool:
            return await refused(await technician.post("/in/fix", json=next_fix(), headers=headers))

        async def duty(duty: str) -> bool:
            return await refused(await technician.post("/api/duty", json={"duty": duty}))

        assert [await rename("before"), await fix(), await duty("on_break"), await duty("on_duty")] == [False] * 4
        with no_room_left(disk):
            await asyncio.to_thread(fill_the_log, server.database)
            async with asyncio.timeout(WITHIN_S):
                number = 0
                while not await rename(f"name {number} {'x' * 60}"):
                    number += 1
                while not await fix():
                    pass
                while not await duty("on_duty"):
                    pass
        await asyncio.to_thread(mend, request, server.database)

        async with asyncio.timeout(WITHIN_S):
            while True:
                if not await refused(await customer.get("/api/profile")) and not await rename("after"):
                    break
                await asyncio.sleep(0.2)
            while True:
                if not await fix():
                    break
                await asyncio.sleep(0.2)
        assert not await duty("on_break")
        assert (await technician.get("/api/duty")).json() == {"duty": "on_break"}
        assert (await customer.get("/api/profile")).json()["name"] == kept[-1] == "after"
        assert server.process.returncode is None
