"""SQLite's driver for asyncio with one switch of threads for a statement.

aiosqlite makes a cursor, runs the statement, fetches its rows and closes the cursor, each by itself in the thread of
the connection: four times there and back, which cost far more than what SQLite does in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Self

import aiosqlite

Rows = list[Any]


def connect(database: str, **options: Any) -> SqliteConnection:
    """To be awaited. Takes what `sqlite3.connect` does."""
    connection = SqliteConnection(lambda: sqlite3.connect(database, **options), iter_chunk_size=0)
    # A process that stops does not wait for a connection that nobody has closed.
    connection._thread.daemon = True
    return connection


class SqliteConnection(aiosqlite.Connection):
    """As SQLAlchemy's adapter uses one."""

    def cursor(self) -> SqliteCursor:  # type: ignore[override]
        return SqliteCursor(self._run)

    _begins = False
    # A statement failed, or nobody waited for its end: only the thread knows whether a transaction is open.
    _is_unsure = False

    def begin_with_next(self) -> None:
        """Begin a transaction together with the next statement, as a reader: by itself that would lock nothing yet."""
        self._begins = True

    async def rollback(self) -> None:
        """At once where there is nothing to roll back, as after every commit."""
        self._begins = False
        if self._is_unsure or self.in_transaction:
            await super().rollback()
            self._is_unsure = False

    async def _run(self, statement: Callable[[sqlite3.Connection], Done]) -> Done:
        begins, self._begins = self._begins, False
        self._is_unsure = True
        done: Done = await self._execute(_begun if begins else _run, self._conn, statement)
        self._is_unsure = False
        return done


Done = tuple[Any, int, int | None, Rows]
"""What a statement leaves: its description, the count of rows, the last row's number, all rows."""


class SqliteCursor:
    """Holds all rows of one statement from the moment it was run: small answers, of which none is read in part."""

    def __init__(self, run: Callable[[Callable[[sqlite3.Connection], Done]], Awaitable[Done]]) -> None:
        self._run = run
        self._rows: Rows = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Iterable[Any] = ()) -> None:
        def run(connection: sqlite3.Connection) -> Done:
            return _done(connection.execute(statement, parameters))  # type: ignore[arg-type]

        self.description, self.rowcount, self.lastrowid, self._rows = await self._run(run)

    async def executemany(self, statement: str, parameters: Iterable[Iterable[Any]]) -> None:
        def run(connection: sqlite3.Connection) -> Done:
            return _done(connection.executemany(statement, parameters))  # type: ignore[arg-type]

        self.description, self.rowcount, self.lastrowid, self._rows = await self._run(run)

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []


def _run(connection: sqlite3.Connection, statement: Callable[[sqlite3.Connection], Done]) -> Done:
    return statement(connection)


def _begun(connection: sqlite3.Connection, statement: Callable[[sqlite3.Connection], Done]) -> Done:
    connection.execute("BEGIN")
    return statement(connection)


def _done(cursor: sqlite3.Cursor) -> Done:
    rows = cursor.fetchall() if cursor.description else []
    # The count of an INSERT … RETURNING is known only when its rows are read.
    done = (cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    cursor.close()
    return done
