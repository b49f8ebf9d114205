"""A fresh town for every storm, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slots.databases import create_database, postgresql_programs, postgresql_server

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def postgresql() -> Iterator[str]:
    """The URL of a server's maintenance database; skips where PostgreSQL is not installed."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with postgresql_server(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'enroute.db'}"
    return create_database(request.getfixturevalue("postgresql"), f"storm_{next(_numbers)}")


@pytest.fixture
def on_postgresql(postgresql: str) -> str:
    """The URL of an empty database on PostgreSQL."""
    return create_database(postgresql, f"storm_{next(_numbers)}")
