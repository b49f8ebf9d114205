"""The database, one handle for the whole process: SQLite by default, PostgreSQL by configuration.

Every store takes the AsyncConnection of `Database.transaction()` or `Database.read()`; none of them commits by itself.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from sqlalchemy import Connection as SyncConnection
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from slots import sqlite_store
from slots.errors import StorageFailed, StorageFull, StorageUnavailable, TransactionUndone
from slots.writer_turns import WriterTurns

if TYPE_CHECKING:
    from slots.postgresql_store import Line

P = ParamSpec("P")
Result = TypeVar("Result")

# What stores are handed; the use cases pass it on without knowing SQL.
Connection = AsyncConnection
Dialect = Literal["sqlite", "postgresql"]

# A writer of another process (`enroute import` beside a running server) may hold the file for a moment.
SQLITE_BUSY_TIMEOUT_MS = 10_000

_DRIVERS: dict[str, tuple[str, str]] = {
    "sqlite": ("sqlite+aiosqlite", "sqlite"),
    "postgresql": ("postgresql+psycopg", "postgresql+psycopg"),
    "postgres": ("postgresql+psycopg", "postgresql+psycopg"),
}


class Database:
    """Transactions and reads. Close it with `await database.close()`.

    On SQLite writers of all processes take turns.
    """

    def __init__(self, engine: AsyncEngine, *, dialect: Dialect, url: str, line: Line | None = None) -> None:
        self.engine = engine
        self.dialect = dialect
        self.url = url
        self._line = line
        self._writing = engine.execution_options(enroute_writes=True)
        self._turn: AbstractAsyncContextManager[Any] = nullcontext()
        if dialect == "sqlite":
            self._turn = WriterTurns(Path(engine.url.database or ""), within_s=SQLITE_BUSY_TIMEOUT_MS / 1000)

    @property
    def sync_url(self) -> str:
        """The URL for a synchronous engine (migrations)."""
        return sync_url(self.url)

    def lookup_engine(self, *, threads: int) -> Engine:
        """A synchronous engine for short questions from so many threads. To be disposed of."""
        if self.dialect == "sqlite":
            return create_engine(self.sync_url, pool_size=threads, max_overflow=0, hide_parameters=True)
        from slots import postgresql_store

        return postgresql_store.lookup_engine(self.sync_url, threads=threads)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection inside a write transaction: committed at the end, rolled back by any exception.

        Not to be nested: on SQLite the inner one would wait for the outer one for ever. Raises StorageFull, and
        StorageUnavailable: when the database goes away during the commit, nobody knows whether that was done; but
        TransactionUndone is one after which nothing was done (`again_if_undone`).
        """
        with _failures_named():
            async with self._turn, self._connected(self._writing) as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose statements see one consistent state on SQLite; nothing written through it is kept.

        Raises StorageUnavailable.
        """
        with _failures_named():
            async with self._connected(self.engine) as connection:
                try:
                    yield connection
                finally:
                    await connection.rollback()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            try:
                async with self._line.patience() if self._line is not None else nullcontext():
                    if self._line is not None:
                        await stack.enter_async_context(self._line.turns)
                    connection = await stack.enter_async_context(engine.connect())
            except TimeoutError as error:
                raise StorageUnavailable from error
            yield connection

    async def close(self) -> None:
        await self.engine.dispose()
        if isinstance(self._turn, WriterTurns):
            self._turn.close()


# Of every engine the parameters are hidden: what a statement carries belongs in no log.
def open_database(url: str, *, connections: int | None = None) -> Database:
    """`sqlite:///path/enroute.db` or `postgresql://user:password@host/name`; nothing is contacted yet.

    `connections`: how many this process may have to PostgreSQL, those of the look-ups and of the tracks among them.
    Raises ValueError for another scheme, and for an in-memory SQLite database, which each connection would see empty.
    """
    parsed, dialect = _parse(url)
    driver = _DRIVERS[parsed.get_backend_name()][0]
    if dialect == "sqlite":
        engine = create_async_engine(
            parsed.set(drivername=driver),
            hide_parameters=True,
            connect_args={"async_creator_fn": sqlite_store.connect, "timeout": SQLITE_BUSY_TIMEOUT_MS / 1000},
        )
        _prepare_sqlite(engine)
        return Database(engine, dialect=dialect, url=url)
    # Imported late: who stays with SQLite need not hold PostgreSQL's driver in memory.
    from slots import postgresql_store

    line = postgresql_store.Line(postgresql_store.own_connections(connections))
    engine = create_async_engine(
        postgresql_store.limited(parsed.set(drivername=driver)),
        pool_size=line.size,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=postgresql_store.QUEUE_WITHIN_S,
        connect_args={"async_creator_fn": line.connect},
    )
    postgresql_store.leave_ended_connections(engine.sync_engine)
    return Database(engine, dialect=dialect, url=url, line=line)


def again_if_undone(use_case: Callable[P, Awaitable[Result]]) -> Callable[P, Awaitable[Result]]:
    """For a use case of one transaction: tried once more when the database undid that in favour of another one, as in
    a deadlock. The second time StorageUnavailable goes to the caller."""

    @functools.wraps(use_case)
    async def tried(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return await use_case(*args, **kwargs)
        except TransactionUndone:
            return await use_case(*args, **kwargs)

    return tried


def sync_url(url: str) -> str:
    """The same database for a synchronous engine, password included."""
    parsed, _ = _parse(url)
    driver = _DRIVERS[parsed.get_backend_name()][1]
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def _parse(url: str) -> tuple[URL, Dialect]:
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ValueError(f"Unknown database {backend!r}. Use sqlite:///path or postgresql://user:password@host/name.")
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("An in-memory SQLite database is not supported. Give a path: sqlite:///enroute.db")
        return parsed, "sqlite"
    return parsed, "postgresql"


# SQLITE_BUSY, _LOCKED, _IOERR, _CANTOPEN, _READONLY, _PROTOCOL.
_SQLITE_UNAVAILABLE = frozenset({5, 6, 8, 10, 14, 15})
_SQLITE_FULL = 13
_POSTGRESQL_DISK_FULL = "53100"
# A serialization failure and a deadlock: another transaction went first, this one never was.
_POSTGRESQL_UNDONE = frozenset({"40001", "40P01"})
# Classes of SQLSTATE: no connection, a deadlock or the like, out of resources, an operator's or a crash's doing, the
# system below; and a standby that only reads.
_POSTGRESQL_UNAVAILABLE = ("08", "40", "53", "55", "57", "58", "25006")


@contextmanager
def _failures_named() -> Iterator[None]:
    """What the database itself failed at gets a name; a statement that is wrong stays what it is: a bug."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageUnavailable from error
    except DBAPIError as error:
        failure = _failure_of(error)
        if failure is None:
            raise
        raise failure from error


def _failure_of(error: DBAPIError) -> StorageFailed | None:
    cause: Any = error.orig
    sqlite_code: int | None = getattr(cause, "sqlite_errorcode", None)
    if sqlite_code is not None:
        primary = sqlite_code & 0xFF
        if primary == _SQLITE_FULL:
            return StorageFull()
        return StorageUnavailable() if primary in _SQLITE_UNAVAILABLE else None
    sqlstate: str | None = getattr(cause, "sqlstate", None)
    if sqlstate == _POSTGRESQL_DISK_FULL:
        return StorageFull()
    if sqlstate in _POSTGRESQL_UNDONE:
        return TransactionUndone()
    if sqlstate is not None:
        return StorageUnavailable() if sqlstate.startswith(_POSTGRESQL_UNAVAILABLE) else None
    # Without a state the driver speaks for itself: it found no server, or lost it.
    lost = error.connection_invalidated or type(cause).__name__ in ("OperationalError", "ConnectionTimeout")
    return StorageUnavailable() if lost else None


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN is switched off: which BEGIN a transaction starts with is decided below.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_TIMEOUT_MS:d}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: SyncConnection) -> None:
        if connection.get_execution_options().get("enroute_writes"):
            # Taking the write lock at once: a transaction that starts as a reader can fail half-way when it must write.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            driver: Any = connection.connection.driver_connection
            driver.begin_with_next()


SQLITE_MINIMUM = (3, 35, 0)
if sqlite3.sqlite_version_info < SQLITE_MINIMUM:  # RETURNING, and the upserts of the stores
    raise RuntimeError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed.")
