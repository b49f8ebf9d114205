"""A server for the live tests: two accounts, one technician who is driven by the tests."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.servers import PASSWORD, SEED, EnrouteServer, enroute_server
from tests.web.live.visits import TECHNICIANS, Visit, change, planned_with


def live_seed(*, technicians: int = TECHNICIANS) -> dict:
    seed = copy.deepcopy(SEED)
    seed["accounts"].append({"id": "other", "name": "Other", "site": "other-home"})
    seed["contacts"].append({"email": "olga@other.example", "account": "other", "name": "Olga", "password": PASSWORD})
    home = copy.deepcopy(seed["sites"][0])
    seed["sites"].append(home | {"id": "other-home", "account": "other", "lat": 41.17, "lon": -8.64})
    ana = seed["technicians"][0]
    seed["technicians"] = [
        ana | {"id": f"technician-{number}", "name": f"Technician {number}", "phone": "+351 200 000 000"}
        for number in range(technicians)
    ]
    seed["staff"][0]["technician"] = "technician-0"
    return seed


@pytest_asyncio.fixture(scope="package")
async def live_server(tmp_path_factory) -> AsyncIterator[EnrouteServer]:
    async with enroute_server(tmp_path_factory.mktemp("live"), seed=live_seed()) as running:
        yield running


@pytest_asyncio.fixture(scope="package")
async def customer(live_server: EnrouteServer) -> AsyncIterator[httpx.AsyncClient]:
    async with live_server.signed_in("rui@acme.example") as client:
        yield client


@pytest_asyncio.fixture(scope="package")
async def stranger(live_server: EnrouteServer) -> AsyncIterator[httpx.AsyncClient]:
    async with live_server.signed_in("olga@other.example") as client:
        yield client


@pytest_asyncio.fixture(scope="package")
async def dispatcher(live_server: EnrouteServer) -> AsyncIterator[httpx.AsyncClient]:
    async with live_server.signed_in("dora@enroute.example") as client:
        yield client


@pytest_asyncio.fixture
async def planned(
    live_server: EnrouteServer, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
) -> AsyncIterator[Visit]:
    """A Scheduled visit of Acme's."""
    async with planned_with(customer, dispatcher, live_server) as made:
        yield made


@pytest_asyncio.fixture
async def visit(planned: Visit, dispatcher: httpx.AsyncClient) -> Visit:
    """A Traveling visit of Acme's."""
    await change(dispatcher, planned.id, "travel")
    return planned
