"""A fresh town for every storm, on SQLite and on PostgreSQL: settled once, then copied."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.booking_storms.town import settle
from tests.slots.databases import create_database, postgresql_programs, postgresql_server

CUSTOMERS = 200
TEMPLATE = "town"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Town:
    """Where the town is kept, and the customers' sessions."""

    database: str
    tokens: list[str]


@pytest_asyncio.fixture(scope="package")
async def sqlite_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """To be copied."""
    url = f"sqlite:///{tmp_path_factory.mktemp('town') / 'enroute.db'}"
    return Town(url, await settle(url, customers=CUSTOMERS))


@pytest.fixture(scope="package")
def postgresql() -> Iterator[str]:
    """The URL of a server's maintenance database; skips where PostgreSQL is not installed."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with postgresql_server(programs) as url:
        yield url


@pytest_asyncio.fixture(scope="package")
async def postgresql_town(postgresql: str) -> Town:
    """To be copied."""
    url = create_database(postgresql, TEMPLATE)
    return Town(url, await settle(url, customers=CUSTOMERS))


def copied(town: Town, folder: Path) -> Town:
    """A town on SQLite again, in another folder."""
    path = Path(town.database.removeprefix("sqlite:///"))
    shutil.copytree(path.parent, folder, dirs_exist_ok=True)
    return Town(f"sqlite:///{folder / path.name}", town.tokens)


@pytest.fixture
def on_sqlite(sqlite_town: Town, tmp_path: Path) -> Town:
    return copied(sqlite_town, tmp_path / "database")


@pytest.fixture
def on_postgresql(postgresql: str, postgresql_town: Town) -> Town:
    return Town(create_database(postgresql, f"storm_{next(_numbers)}", like=TEMPLATE), postgresql_town.tokens)


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest) -> Town:
    """On either."""
    found: Town = request.getfixturevalue(f"on_{request.param}")
    return found
