"""The database of two servers is restarted under way: what one of them acknowledged, the other one knows."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.redis_servers import redis_server
from tests.slots.databases import (
    create_database,
    postgresql_away,
    postgresql_server,
    restart_at_once,
)
from tests.web.live.visits import book_with, change, next_fix, phone, watching
from tests.web.processes.conftest import Installation, installation
from tests.web.processes.test_outages import drive, never_went_back, newer_than

RESTARTS = 3
BACK_WITHIN_S = 30.0
REFUSALS = {(503, "storage_unavailable"), (503, "busy")}


@pytest.fixture(scope="module")
def database(programs: Path) -> Iterator[str]:
    with postgresql_server(programs) as url:
        yield create_database(url, "enroute")


@pytest_asyncio.fixture(scope="module")
async def both(database: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp("restarts")
    async with redis_server(folder) as redis, installation(folder, redis, ENROUTE_DATABASE=database) as both:
        yield both


async def test_what_one_server_acknowledged_the_other_knows_after_every_restart_of_the_database(
    both: Installation, programs: Path, database: str
) -> None:
    async with (
        both.first.signed_in("rui@acme.example") as here,
        both.second.signed_in("rui@acme.example") as there,
        both.second.signed_in("dora@enroute.example") as dispatcher,
    ):
        visit = await book_with(here, dispatcher, both.first)
        await change(dispatcher, visit.id, "travel")
        done = asyncio.Event()
        async with watching(both.second, visit.id, there) as far:
            driving = asyncio.create_task(drive(both.first, visit, done))
            await far.next("position")

            names = Names(here, there)
            for _ in range(RESTARTS):
                await names.change_during(restart_at_once, programs, database)
                await names.change()
            # Quick ones may be waited out, and nobody is refused: while the database is down, everybody is.
            with postgresql_away(programs, database):
                refused = await asyncio.gather(*(names.ask(who) for who in (here, there)))
            await names.change()
            # Whatever the phone sends from now on is seen, and kept.
            seen = [message["fixed_at"] for message in far.seen if message["type"] == "position"]
            await newer_than(far, seen[-1])
            done.set()
            await driving
            async with phone(both.first, visit.phone_token) as ana:
                await ana.send(next_fix())
                await ana.reply("ack")
            await change(dispatcher, visit.id, "start")

        assert refused == [False, False]
        assert never_went_back(far)
        assert (both.first.process.returncode, both.second.process.returncode) == (None, None)


class Names:
    """One person changes their name at two servers in turn: again and again until it is acknowledged, then it is looked
    for at the other one."""

    def __init__(self, *servers: httpx.AsyncClient) -> None:
        self._servers = itertools.cycle(servers)
        self._asked = next(self._servers)
        self._number = 0

    async def change_during(self, trouble: Callable[..., None], *arguments: object) -> None:
        """One change after the other, until the trouble is over."""
        task = asyncio.create_task(asyncio.to_thread(trouble, *arguments))
        while not task.done():
            await self.change()
        await task

    async def change(self) -> None:
        self._number += 1
        asked, self._asked = self._asked, next(self._servers)
        async with asyncio.timeout(BACK_WITHIN_S):
            while not await self.ask(asked):
                pass
            while (answer := await self._asked.get("/api/profile")).status_code != 200:
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.05)
        assert answer.json()["name"] == self._name

    async def ask(self, server: httpx.AsyncClient) -> bool:
        """Was the change made? If not, it was refused as it should be."""
        answer = await server.put("/api/profile", json={"name": self._name})
        if answer.status_code == 200:
            return True
        assert (answer.status_code, answer.json()["code"]) in REFUSALS, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        return False

    @property
    def _name(self) -> str:
        return f"Rui {self._number}"
