"""Fixes, last states and the watch of time: what live tracking keeps in a database.

A synchronous SQLAlchemy Core store behind a small port, used from one worker thread, so that the event loop
never waits for a disk. On SQLite it is a file of its own beside the bookings: batches of fixes never hold up a
booking.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    select,
)
from sqlalchemy.engine import Engine, make_url

from tracker.records import FixRow, LastState, Prediction

metadata = MetaData()

ROWS_PER_STATEMENT = (128, 16, 1)
"""A batch goes out in statements of these sizes, largest first."""

fixes = Table(
    "fixes",
    metadata,
    Column("technician_id", String(64), primary_key=True),
    Column("fixed_at", BigInteger, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("trip_id", String(64)),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("accuracy_m", Float),
    Column("speed_mps", Float),
    Column("heading_deg", Float),
    Column("late", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

last_states = Table(
    "last_states",
    metadata,
    Column("technician_id", String(64), primary_key=True),
    Column("trip_id", String(64)),
    Column("state", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

duties = Table(
    "duties",
    metadata,
    Column("technician_id", String(64), primary_key=True),
    Column("duty", String(16), nullable=False),
    Column("since_at", BigInteger, nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    Column("trip_id", String(64), primary_key=True),
    Column("minutes_before", Integer, primary_key=True),
    Column("technician_id", String(64), nullable=False),
    Column("predicted_at", BigInteger, nullable=False),
    Column("eta_at", BigInteger, nullable=False),
    Column("eta_low_at", BigInteger, nullable=False),
    Column("eta_high_at", BigInteger, nullable=False),
    Column("arrived_at", BigInteger, nullable=False),
)


class TrackStore(Protocol):
    """The port. Every method may be called from a worker thread and returns after the commit."""

    def write(self, rows: Iterable[FixRow], states: Iterable[LastState]) -> None: ...
    def last_states(self) -> list[LastState]: ...
    def duties(self) -> dict[str, tuple[str, int]]: ...
    def write_duty(self, technician_id: str, duty: str, since_ms: int) -> None: ...
    def write_predictions(self, rows: Iterable[Prediction]) -> None: ...
    def history(self, trip_id: str) -> list[FixRow]: ...
    def purge(self, before_ms: int) -> int: ...
    def close(self) -> None: ...


_encode_state = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(LastState).decode


class SqlTrackStore:
    """The store on SQLite (``sqlite:///…``) or PostgreSQL (``postgresql+psycopg://…``).

    The tables exist already (migrations). Writing a fix again is harmless: technician and time are its key.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        sqlite = self._engine.dialect.name == "sqlite"
        mark = "?" if sqlite else "%s"
        columns = [column.name for column in fixes.columns]
        # Many rows in one statement, past Core: building its parameters costs ten times as much per row, and the
        # driver gives up the interpreter lock at every statement, which a busy event loop hands back after 5 ms.
        row = f"({', '.join([mark] * len(columns))})"
        self._insert_fixes = {
            count: f"INSERT INTO fixes ({', '.join(columns)}) VALUES {', '.join([row] * count)} ON CONFLICT DO NOTHING"
            for count in ROWS_PER_STATEMENT
        }
        self._upsert_state = (
            "INSERT INTO last_states (technician_id, trip_id, state, updated_at)"
            f" VALUES ({mark}, {mark}, {mark}, {mark})"
            " ON CONFLICT (technician_id) DO UPDATE SET trip_id = excluded.trip_id, state = excluded.state,"
            " updated_at = excluded.updated_at"
        )
        self._upsert_duty = (
            f"INSERT INTO duties (technician_id, duty, since_at) VALUES ({mark}, {mark}, {mark})"
            " ON CONFLICT (technician_id) DO UPDATE SET duty = excluded.duty, since_at = excluded.since_at"
        )

    def write(self, rows: Iterable[FixRow], states: Iterable[LastState]) -> None:
        fix_tuples = list(map(msgspec.structs.astuple, rows))
        state_tuples = [(state.technician_id, state.trip_id, _encode_state(state), state.fixed_at) for state in states]
        with self._engine.begin() as connection:
            start = 0
            for count in ROWS_PER_STATEMENT:
                while len(fix_tuples) - start >= count:
                    values = tuple(itertools.chain.from_iterable(fix_tuples[start : start + count]))
                    connection.exec_driver_sql(self._insert_fixes[count], values)
                    start += count
            if state_tuples:
                connection.exec_driver_sql(self._upsert_state, state_tuples)

    def last_states(self) -> list[LastState]:
        """What is known of every technician, with the position of their newest fix: that one is always on disk,
        while the state beside it is written less often."""
        with self._engine.connect() as connection:
            states = [_decode_state(state) for (state,) in connection.execute(select(last_states.c.state))]
            for state in states:
                newer = connection.execute(
                    select(fixes)
                    .where(fixes.c.technician_id == state.technician_id, fixes.c.fixed_at > state.fixed_at)
                    .order_by(fixes.c.fixed_at.desc())
                    .limit(1)
                ).first()
                if newer is not None:
                    state.move_to(FixRow(**newer._mapping))
        return states

    def duties(self) -> dict[str, tuple[str, int]]:
        """Each technician's duty and since when (ms since 1970)."""
        with self._engine.connect() as connection:
            return {row.technician_id: (row.duty, row.since_at) for row in connection.execute(select(duties))}

    def write_duty(self, technician_id: str, duty: str, since_ms: int) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(self._upsert_duty, [(technician_id, duty, since_ms)])

    def write_predictions(self, rows: Iterable[Prediction]) -> None:
        values = [msgspec.to_builtins(row) for row in rows]
        if values:
            with self._engine.begin() as connection:
                trips = {value["trip_id"] for value in values}
                connection.execute(delete(predictions).where(predictions.c.trip_id.in_(trips)))
                connection.execute(predictions.insert(), values)

    def history(self, trip_id: str) -> list[FixRow]:
        """The fixes of one trip in order. Reads every fix: an index by trip would double what each one costs to
        write, and nobody waits for this."""
        query = select(fixes).where(fixes.c.trip_id == trip_id).order_by(fixes.c.fixed_at)
        with self._engine.connect() as connection:
            return [FixRow(**row._mapping) for row in connection.execute(query)]

    def count(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(fixes)).scalar_one())

    def purge(self, before_ms: int) -> int:
        """Forget fixes older than that (ms since 1970); returns how many went."""
        with self._engine.begin() as connection:
            return connection.execute(delete(fixes).where(fixes.c.fixed_at < before_ms)).rowcount

    def close(self) -> None:
        self._engine.dispose()


def tracks_url(url: str) -> str:
    """Where the tracks of a database are kept: the file ``NAME-tracks.db`` beside an SQLite file, else the same
    database. Accepts the forms users give (``sqlite:///…``, ``postgresql://…``), returns a synchronous driver's."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        path = parsed.database
        if path and path != ":memory:":
            stem, dot, suffix = path.rpartition(".")
            path = f"{stem}-tracks{dot}{suffix}" if dot and "/" not in suffix else f"{path}-tracks"
        return parsed.set(drivername="sqlite", database=path).render_as_string(hide_password=False)
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=2, max_overflow=2) if "sqlite" not in url else create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            # A phone forgets a fix once it is acknowledged, so the acknowledgement waits for the disk.
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA busy_timeout=5000")
            cursor.close()

    return engine
