from __future__ import annotations

import asyncio
import itertools
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from slots.store import sync_url
from tests.slots.databases import create_database, postgresql_server
from web import (
    accounts_store,
    active_visits_store,
    leases_store,
    links_store,
    secrets_store,
    switches_store,
    watch_log_store,
)
from web.migrations import runner

TABLES = [
    *(accounts_store.accounts, accounts_store.people, secrets_store.tokens),
    *(links_store.links, switches_store.switches, watch_log_store.watch_log, leases_store.leases),
    active_visits_store.active_visits,
]

# A process that dies just before a statement that begins like this is sent.
KILLED_BEFORE = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from web.migrations import runner

@event.listens_for(Engine, "before_cursor_execute")
def look(connection, cursor, statement, *rest):
    if statement.strip().startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

runner.upgrade(sys.argv[1])
"""
# In the middle of a branch, and of a revision.
STATEMENTS = [
    "CREATE INDEX watch_log_by_appointment",
    "DROP INDEX watch_log_by_technician",
    "UPDATE alembic_version SET version_num='web_0007'",
    "INSERT INTO alembic_version (version_num) VALUES ('slots_0001')",
]


NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def postgresql_server_url(programs: Path) -> Iterator[str]:
    with postgresql_server(programs) as server_url:
        yield server_url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'enroute.db'}"
    return create_database(request.getfixturevalue("postgresql_server_url"), f"migrations_{next(NUMBERS)}")


def columns_and_indexes(url: str) -> dict[str, tuple[list[str], list[str]]]:
    engine = create_engine(sync_url(url))
    found = inspect(engine)
    all_of_it = {
        table: (
            sorted(column["name"] for column in found.get_columns(table)),
            sorted(str(index["name"]) for index in found.get_indexes(table)),
        )
        for table in found.get_table_names()
    }
    engine.dispose()
    return all_of_it


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_migration_that_was_killed_is_done_whole_the_next_time(url: str, statement: str, tmp_path: Path):
    other = f"sqlite:///{tmp_path / 'other.db'}"
    runner.upgrade(other)

    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE, url, statement], timeout=60, check=False)
    branches = [branch.branch for branch in runner.upgrade(url)]

    assert killed.returncode == -signal.SIGKILL
    assert ("slots" in branches) is ("slots" in statement)
    assert "web" in branches
    assert runner.behind(url) == []
    if url.startswith("sqlite"):
        assert columns_and_indexes(url) == columns_and_indexes(other)


async def test_several_that_migrate_at_once_take_turns(url: str):
    done = await asyncio.gather(*(asyncio.to_thread(runner.upgrade, url) for _ in range(4)))

    assert sorted(behind.branch for each in done for behind in each) == ["slots", "tracker", "web"]
    assert runner.behind(url) == []


def test_who_has_nothing_to_migrate_does_not_wait_for_writers(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'enroute.db'}"
    runner.upgrade(url)
    with sqlite3.connect(tmp_path / "enroute.db", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")

        # Waiting would end as an error.
        assert runner.upgrade(url) == []
    writer.close()


def test_a_new_database_is_made_and_is_then_up_to_date(tmp_path):
    url = f"sqlite:///{tmp_path / 'new' / 'enroute.db'}"

    before, done = runner.behind(url), runner.upgrade(url)

    assert [branch.branch for branch in before] == ["slots", "web", "tracker"]
    assert [branch.branch for branch in done] == ["slots", "web", "tracker"]
    assert runner.behind(url) == []


def test_upgrading_again_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path / 'enroute.db'}"
    runner.upgrade(url)

    assert runner.upgrade(url) == []


def test_tracks_lie_in_a_file_of_their_own(tmp_path):
    runner.upgrade(f"sqlite:///{tmp_path / 'enroute.db'}")

    with (
        sqlite3.connect(tmp_path / "enroute.db") as bookings,
        sqlite3.connect(tmp_path / "enroute-tracks.db") as tracks,
    ):
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        booking_tables = {name for (name,) in bookings.execute(query)}
        track_tables = {name for (name,) in tracks.execute(query)}
    bookings.close()
    tracks.close()
    assert "appointments" in booking_tables
    assert "fix_batches" in track_tables
    assert booking_tables & track_tables == {"alembic_version"}


def test_the_migrated_tables_are_those_the_stores_write(tmp_path):
    runner.upgrade(f"sqlite:///{tmp_path / 'enroute.db'}")

    engine = create_engine(f"sqlite:///{tmp_path / 'enroute.db'}")
    found = inspect(engine)
    for table in TABLES:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
    engine.dispose()


def test_behind_says_what_is_missing():
    assert str(runner.Behind("web", None, "web_0001")) == "web: at nothing, needs web_0001"
