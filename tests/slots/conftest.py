"""A town, a week and a scheduling on a fresh database."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from slots.booking import Scheduling
from slots.store import Database, open_database
from tests.slots.databases import (
    create_database,
    migrate,
    postgresql_programs,
    postgresql_server,
)
from tests.slots.factories import RULES, settle_town

_numbers = itertools.count(1)


# A migration takes longer than most tests: it runs once per kind of database, and each test gets a copy.
TEMPLATE = "slots_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slots") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A server that has the template; skips where PostgreSQL is not installed."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with postgresql_server(programs) as url:
        migrate(create_database(url, TEMPLATE))
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "enroute.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest) -> str:
    """The same test on both."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    server_url = request.getfixturevalue("postgresql_url")
    return create_database(server_url, f"slots_{next(_numbers)}", like=TEMPLATE)


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    database = open_database(sqlite_url)
    yield database
    await database.close()


@pytest.fixture
async def either_database(either_url: str) -> AsyncIterator[Database]:
    database = open_database(either_url)
    yield database
    await database.close()


@pytest.fixture
async def scheduling(database: Database) -> Scheduling:
    """On SQLite, with the town of `factories`."""
    await settle_town(database)
    return Scheduling(database=database, rules=RULES)


@pytest.fixture
async def either_scheduling(either_database: Database) -> Scheduling:
    await settle_town(either_database)
    return Scheduling(database=either_database, rules=RULES)
