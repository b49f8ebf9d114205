"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests import shared_mode
from tests.beside import Beside
from tests.servers import EnrouteServer, enroute_server


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory) -> AsyncIterator[EnrouteServer]:
    """One real `enroute serve` for the whole run, with the set-up of `tests.servers`. Leave it as you found it."""
    folder: Path = tmp_path_factory.mktemp("server")
    async with enroute_server(folder) as running:
        yield running


_BESIDE = pytest.StashKey[Beside]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """On two cores a minute is saved by what runs beside the rest; for a few tests it is not worth it."""
    session.config.stash[_BESIDE] = beside = Beside()
    asked = any("tracker_tests_beside" in getattr(item, "fixturenames", ()) for item in session.items)
    if asked and len(session.items) > 1000 and not session.config.option.collectonly:
        beside.begin_early()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processes", type=int, default=1, help="Every server of the tests is so many workers.")


def pytest_configure(config: pytest.Config) -> None:
    os.environ[shared_mode.VARIABLE] = str(config.getoption("--processes"))


def pytest_unconfigure(config: pytest.Config) -> None:
    beside = config.stash.get(_BESIDE, None)
    if beside is not None:
        beside.end()
    shared_mode.end()


@pytest.fixture(scope="session")
def tracker_tests_beside(request: pytest.FixtureRequest) -> Beside:
    return request.config.stash[_BESIDE]
