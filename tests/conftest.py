"""Fixtures that every test may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.servers import EnrouteServer, enroute_server


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory) -> AsyncIterator[EnrouteServer]:
    """One real `enroute serve` for the whole run, with the set-up of `tests.servers`. Leave it as you found it."""
    folder: Path = tmp_path_factory.mktemp("server")
    async with enroute_server(folder) as running:
        yield running
