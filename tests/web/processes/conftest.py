"""Two servers of one installation: one database, one Redis, two ports. Which one a phone or a watcher reaches is the
test's choice."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest_asyncio

from tests.redis_servers import RedisServer, redis_server
from tests.servers import EnrouteServer, enroute_server, started_again
from tests.web.live.conftest import live_seed, visit
from tests.web.live.visits import Visit, planned_with

# The Traveling visit of the live tests, made of the fixtures here.
__all__ = ["visit"]


@dataclass
class Installation:
    """`first` and `second` serve."""

    folder: Path
    redis: RedisServer
    first: EnrouteServer
    second: EnrouteServer
    environ: dict[str, str]

    restarted: contextlib.AsyncExitStack

    async def mend(self) -> None:
        """Start again what was killed, at the same address."""
        if not self.redis.running:
            await self.redis.start()
        again = functools.partial(started_again, environ=self.environ)
        if self.first.process.returncode is not None:
            self.first = await self.restarted.enter_async_context(again(self.first))
        if self.second.process.returncode is not None:
            self.second = await self.restarted.enter_async_context(again(self.second))


@contextlib.asynccontextmanager
async def installation(
    folder: Path, redis: RedisServer, *, seed: dict | None = None, **environ: str
) -> AsyncIterator[Installation]:
    environment = {"ENROUTE_REDIS": redis.url, "ENROUTE_WORKERS": "1"} | environ
    async with (
        enroute_server(folder, seed=seed or live_seed(), environ=environment, mortal=True) as first,
        enroute_server(folder, seed=None, environ=environment, mortal=True) as second,
        contextlib.AsyncExitStack() as restarted,
    ):
        yield Installation(folder, redis, first, second, environment, restarted)


@pytest_asyncio.fixture(scope="package")
async def breakable(tmp_path_factory) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp("outages")
    async with redis_server(folder) as redis, installation(folder, redis) as both:
        yield both


@pytest_asyncio.fixture
async def fragile(breakable: Installation) -> AsyncIterator[Installation]:
    """To be broken: what a test has killed runs again for the next one."""
    yield breakable
    await breakable.mend()


@pytest_asyncio.fixture(scope="package")
async def two(tmp_path_factory) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp("processes")
    async with redis_server(folder) as redis, installation(folder, redis) as both:
        yield both


@pytest_asyncio.fixture(scope="package")
async def customer(two: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with two.first.signed_in("rui@acme.example") as client:
        yield client


@pytest_asyncio.fixture(scope="package")
async def dispatcher(two: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with two.second.signed_in("dora@enroute.example") as client:
        yield client


@pytest_asyncio.fixture
async def planned(two: Installation, customer, dispatcher) -> AsyncIterator[Visit]:
    async with planned_with(customer, dispatcher, two.first) as made:
        yield made
