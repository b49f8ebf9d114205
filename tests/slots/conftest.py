"""A town, a week and a scheduling on a fresh database."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from slots.booking import Scheduling
from slots.store import Database
from tests.slots.databases import fresh_postgresql, migrated, postgresql_programs, postgresql_server
from tests.slots.factories import RULES, settle_town

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with postgresql_server(programs) as url:
        yield url


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with migrated(f"sqlite:///{tmp_path / 'enroute.db'}") as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
async def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """The same test on both."""
    if request.param == "sqlite":
        async with migrated(f"sqlite:///{tmp_path / 'enroute.db'}") as database:
            yield database
    else:
        url = request.getfixturevalue("postgresql_url")
        async with fresh_postgresql(url, f"slots_{next(_numbers)}") as database:
            yield database


@pytest.fixture
async def scheduling(database: Database) -> Scheduling:
    """On SQLite, with the town of `factories`."""
    await settle_town(database)
    return Scheduling(database=database, rules=RULES)


@pytest.fixture
async def either_scheduling(either_database: Database) -> Scheduling:
    await settle_town(either_database)
    return Scheduling(database=either_database, rules=RULES)
