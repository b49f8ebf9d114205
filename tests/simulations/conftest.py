"""A real server for the simulations to live on: their people stay on it, so it is not the one others share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from simulations.api import Api
from tests.servers import PASSWORD, EnrouteServer, enroute_server


@pytest_asyncio.fixture(scope="package")
async def playground(tmp_path_factory) -> AsyncIterator[EnrouteServer]:
    folder: Path = tmp_path_factory.mktemp("playground")
    async with enroute_server(folder) as running:
        yield running


@pytest_asyncio.fixture
async def admin(playground) -> AsyncIterator[Api]:
    """A signed-in admin of the playground."""
    api = Api(playground.url)
    await api.sign_in("ada@enroute.example", PASSWORD)
    yield api
    await api.close()
