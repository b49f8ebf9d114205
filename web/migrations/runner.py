"""Migrations: every room has its own branch of revisions; this file brings each to the right database.

Tracks lie in a second SQLite file beside the first, so that batches of positions never hold up a booking; on PostgreSQL
everything is in one database.

A branch is brought up in one transaction, which only one process at a time can have: who is killed meanwhile leaves the
database as it was.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from slots.store import sync_url
from tracker.store import tracks_url

CONNECT_WITHIN_S = "5"
"""A server that is cut off says nothing; whoever starts one wants to know."""
SQLITE_WAITS_S = 10
_ONE_AT_A_TIME = 0x656E726F
"""A lock of PostgreSQL that holds to the end of the transaction."""

_ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = {
    "slots": _ROOT / "slots" / "migrations",
    "tracker": _ROOT / "tracker" / "migrations",
    "web": _ROOT / "web" / "migrations" / "versions",
}


@dataclass(frozen=True)
class Behind:
    """A branch whose database lacks revisions."""

    branch: str
    at: str | None
    wanted: str

    def __str__(self) -> str:
        return f"{self.branch}: at {self.at or 'nothing'}, needs {self.wanted}"


class DatabaseUnreachable(RuntimeError):
    """No database answers at the address, or it lets nobody in; the text is what the driver said."""


def upgrade(database_url: str) -> list[Behind]:
    """Bring every branch to its newest revision; what was behind before. Creates the file of an SQLite database.

    Raises DatabaseUnreachable.
    """
    done: list[Behind] = []
    for url, branches in _targets(database_url):
        _make_folder(url)
        # Whoever has nothing to do does not wait for writers.
        with _connected(url) as connection:
            wanting = [branch for branch in branches if _behind(connection, branch)]
        for branch in wanting:
            with _connected(url, writes=True) as connection:
                missing = _behind(connection, branch)
                if missing is None:
                    continue
                command.upgrade(_config(connection), f"{branch}@head")
                done.append(missing)
    return done


def behind(database_url: str) -> list[Behind]:
    """The branches that lack revisions. Raises DatabaseUnreachable."""
    missing: list[Behind] = []
    for url, branches in _targets(database_url):
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
            missing += [Behind(branch, None, _head(branch)) for branch in branches]
            continue
        with _connected(url) as connection:
            missing += [found for branch in branches if (found := _behind(connection, branch))]
    return missing


def _targets(database_url: str) -> list[tuple[str, tuple[str, ...]]]:
    url = sync_url(database_url)
    tracks = tracks_url(url)
    if make_url(url).get_backend_name() == "sqlite":
        return [(url, ("slots", "web")), (tracks, ("tracker",))]
    return [(url, ("slots", "web", "tracker"))]


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_ROOT / "web" / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(folder) for folder in _FOLDERS.values()))
    config.attributes["connection"] = connection
    return config


def _head(branch: str) -> str:
    revision = ScriptDirectory.from_config(_config()).get_revision(f"{branch}@head")
    return str(revision.revision)


def _behind(connection: Connection, branch: str) -> Behind | None:
    script = ScriptDirectory.from_config(_config())
    wanted = _head(branch)
    for head in MigrationContext.configure(connection).get_current_heads():
        revision = script.get_revision(head)
        if revision is not None and branch in revision.branch_labels:
            return None if head == wanted else Behind(branch, head, wanted)
    return Behind(branch, None, wanted)


class _connected:
    """A transaction of a throw-away engine, committed on the way out. One that ``writes`` waits for others that do."""

    def __init__(self, url: str, *, writes: bool = False) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            parsed = parsed.update_query_dict({"connect_timeout": CONNECT_WITHIN_S} | dict(parsed.query))
        self._engine = create_engine(parsed)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_writing if writes else _begin_reading)
        elif writes:
            event.listen(self._engine, "begin", _wait_for_others)

    def __enter__(self) -> Connection:
        try:
            self._connection = self._engine.connect()
            self._connection.begin()
        except OperationalError as error:
            self._engine.dispose()
            raise DatabaseUnreachable(f"The database cannot be reached: {error.orig}") from None
        return self._connection

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self._connection.commit()
        self._connection.close()
        self._engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes only before changes of rows: each CREATE would be final at once.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={SQLITE_WAITS_S * 1000}")
    until_s = time.monotonic() + SQLITE_WAITS_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # Several that change a new file at once: SQLite waits for none of them.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
            time.sleep(0.01)
    cursor.close()


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _wait_for_others(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")


def _make_folder(url: str) -> None:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
