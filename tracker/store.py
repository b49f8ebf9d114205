"""Fixes, last states, duties, predictions and what was learned: what live tracking keeps in a database.

A synchronous SQLAlchemy Core store behind a small port, used from one worker thread, so that the event loop
never waits for a disk. On SQLite it is a file of its own beside the bookings: batches of fixes never hold up a
booking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, create_engine, event, select
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tracker import calibration_store, duty_store, fix_store, ledger_store, night_store, told_store
from tracker.driven_trips import DrivenTrips
from tracker.errors import TracksUnavailable
from tracker.fix_days_store import FixDays, by_day
from tracker.recordings import Recording
from tracker.records import DutyChange, FixRow, KeptCalibration, LastState, Prediction, ToldArrival

metadata = MetaData()

fix_batches = fix_store.fix_table(metadata)

last_states = Table(
    "last_states",
    metadata,
    Column("technician_id", String(64), primary_key=True),
    Column("trip_id", String(64)),
    Column("state", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

duty_changes = duty_store.duty_changes_table(metadata)
predictions = ledger_store.predictions_table(metadata)
told_arrivals = told_store.told_table(metadata)
calibrations = calibration_store.calibrations_table(metadata)
nights = night_store.nights_table(metadata)


class TrackStore(Protocol):
    """The port. Every method may be called from a worker thread and returns after the commit."""

    def write(self, rows: Iterable[FixRow], states: Iterable[LastState], told: Iterable[ToldArrival] = ()) -> None: ...
    def last_states(self) -> list[LastState]: ...
    def duty_changes(self) -> list[DutyChange]: ...
    def write_duty(self, change: DutyChange) -> None: ...
    def told(self, trip_id: str, *, from_ms: int) -> list[ToldArrival]: ...
    def write_predictions(self, rows: Iterable[Prediction], *, if_missing: bool = False) -> None: ...
    def ledger(self, from_ms: int, to_ms: int) -> list[Prediction]: ...
    def history(self, trip_id: str) -> list[FixRow]: ...
    def finished_trips(self, *, since_ms: int, before_ms: int, at_most: int) -> list[Recording]: ...
    def write_calibration(self, kept: KeptCalibration) -> None: ...
    def calibration(self) -> KeptCalibration | None: ...
    def calibrations(self, from_ms: int) -> list[KeptCalibration]: ...
    def take_night(self, *, night_ms: int, now_ms: int) -> bool: ...
    def end_night(self, *, night_ms: int, now_ms: int) -> None: ...
    def make_ready(self, now_ms: int) -> None: ...
    def purge(self, before_ms: int) -> int: ...
    def close(self) -> None: ...


MAX_MS = 1 << 62
_encode_state = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(LastState).decode


class SqlTrackStore:
    """The store on SQLite (``sqlite:///…``) or PostgreSQL (``postgresql+psycopg://…``).

    The tables exist already (migrations). Writing a fix again is harmless: it is read once. What only reads raises
    TracksUnavailable when the database does not answer; a write raises whatever it was.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        sqlite = self._engine.dialect.name == "sqlite"
        self._days = None if sqlite else FixDays(self._engine)
        self._kept: Connection | None = None
        mark = "?" if sqlite else "%s"
        self._upsert_state = (
            "INSERT INTO last_states (technician_id, trip_id, state, updated_at)"
            f" VALUES ({mark}, {mark}, {mark}, {mark})"
            " ON CONFLICT (technician_id) DO UPDATE SET trip_id = excluded.trip_id, state = excluded.state,"
            " updated_at = excluded.updated_at"
        )

    def write(self, rows: Iterable[FixRow], states: Iterable[LastState], told: Iterable[ToldArrival] = ()) -> None:
        batch = list(rows)
        batches: dict[int, list[FixRow]] = {}
        if batch:
            batches = by_day(batch) if self._days is not None else {0: batch}
        state_tuples = [(state.technician_id, state.trip_id, _encode_state(state), state.fixed_at) for state in states]
        told_rows = list(told)

        def write() -> None:
            with self._batch() as connection:
                for of_one_day in batches.values():
                    fix_store.write(connection, of_one_day)
                if state_tuples:
                    connection.exec_driver_sql(self._upsert_state, state_tuples)
                told_store.write(connection, told_arrivals, told_rows)

        if self._days is None:
            write()
        else:
            self._days.written(batches, write)

    def last_states(self) -> list[LastState]:
        """What is known of every technician, with the position of their newest fix: that one is always on disk,
        while the state beside it is written less often."""
        with self._reading() as connection:
            states = [_decode_state(state) for (state,) in connection.execute(select(last_states.c.state))]
            since_ms = min((state.fixed_at for state in states), default=0)
            newest = fix_store.newest(connection, fix_batches, since_ms=since_ms)
        for state in states:
            row = newest.get(state.technician_id)
            if row is not None and row.fixed_at > state.fixed_at:
                state.move_to(row)
        return states

    def duty_changes(self) -> list[DutyChange]:
        """Each technician's changes in order: the newest, and those before it as long as a fix from then may come."""
        with self._reading() as connection:
            return duty_store.everybody(connection, duty_changes)

    def write_duty(self, change: DutyChange) -> None:
        with self._engine.begin() as connection:
            duty_store.write(connection, duty_changes, change)

    def told(self, trip_id: str, *, from_ms: int) -> list[ToldArrival]:
        """What was told of a trip under way from then on (ms since 1970), in order; about one a minute."""
        with self._reading() as connection:
            return told_store.told(connection, told_arrivals, trip_id, from_ms=from_ms)

    def write_predictions(self, rows: Iterable[Prediction], *, if_missing: bool = False) -> None:
        """With ``if_missing`` a visit that the ledger knows already stays as it is."""
        with self._engine.begin() as connection:
            ledger_store.write(connection, predictions, rows, if_missing=if_missing)

    def ledger(self, from_ms: int, to_ms: int) -> list[Prediction]:
        """What the ledger holds of arrivals from ``from_ms`` until before ``to_ms`` (ms since 1970), in order."""
        with self._reading() as connection:
            return ledger_store.arrived(connection, predictions, from_ms=from_ms, to_ms=to_ms)

    def history(self, trip_id: str, *, from_ms: int = 0, to_ms: int = MAX_MS) -> list[FixRow]:
        """The fixes of one trip in order, each time once. Reads what everybody sent in that span (ms since 1970)."""
        with self._reading() as connection:
            return fix_store.of_trip(connection, fix_batches, trip_id, from_ms=from_ms, to_ms=to_ms)

    def finished_trips(self, *, since_ms: int, before_ms: int, at_most: int) -> list[Recording]:
        """The newest trips driven since ``since_ms`` whose last fix is from before ``before_ms``, earliest first."""
        trips = DrivenTrips(since_ms=since_ms, before_ms=before_ms, at_most=at_most)
        with self._reading() as connection:
            fix_store.give_to(trips, connection, fix_batches, since_ms=since_ms)
        return trips.recordings()

    def write_calibration(self, kept: KeptCalibration) -> None:
        with self._engine.begin() as connection:
            calibration_store.write(connection, calibrations, kept)

    def calibration(self) -> KeptCalibration | None:
        """What was learned last; None before."""
        with self._reading() as connection:
            return calibration_store.newest(connection, calibrations)

    def calibrations(self, from_ms: int) -> list[KeptCalibration]:
        """What was in force at some time from ``from_ms`` on, and the one before that, the earliest first."""
        with self._reading() as connection:
            return calibration_store.since(connection, calibrations, from_ms)

    def take_night(self, *, night_ms: int, now_ms: int) -> bool:
        """Whether this process is the one that learns in the night that began then (ms since 1970).

        You then owe ``end_night``; where that does not come within an hour another process may take the night.
        """
        with self._engine.begin() as connection:
            return night_store.take(connection, nights, night_ms=night_ms, now_ms=now_ms)

    def end_night(self, *, night_ms: int, now_ms: int) -> None:
        """The night was learned from, or there was nothing to learn."""
        with self._engine.begin() as connection:
            night_store.end(connection, nights, night_ms=night_ms, now_ms=now_ms)

    def count(self) -> int:
        with self._reading() as connection:
            return fix_store.count(connection, fix_batches)

    def make_ready(self, now_ms: int) -> None:
        """Make room for the fixes of the next days, which a write would make by itself; nothing to do on SQLite."""
        if self._days is not None:
            self._days.make_ready(now_ms)

    def purge(self, before_ms: int) -> int:
        """Forget fixes, and what was told under way, older than that (ms since 1970); returns how many fixes went.

        On PostgreSQL a fix goes with its whole day (UTC), once that is old enough.
        """
        with self._engine.begin() as connection:
            told_store.forget(connection, told_arrivals, before_ms=before_ms)
            if self._days is None:
                return fix_store.forget(connection, fix_batches, before_ms=before_ms)
        return self._days.drop(before_ms)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except PoolTimeoutError as error:
            raise TracksUnavailable(str(error)) from error
        except DBAPIError as error:
            if not _is_unavailable(error):
                raise
            raise TracksUnavailable(str(error.orig)) from error

    @contextmanager
    def _batch(self) -> Iterator[Connection]:
        """A transaction for what comes several times a second, from one thread. In SQLite it has its own connection:
        to take one from the pool and give it back costs as much as what is written."""
        if self._days is not None:
            with self._engine.begin() as connection:
                yield connection
            return
        connection = self._kept or self._engine.connect()
        self._kept = None
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()
            raise
        self._kept = connection

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
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


# SQLITE_BUSY, _LOCKED, _IOERR, _FULL, _CANTOPEN.
_SQLITE_UNAVAILABLE = frozenset({5, 6, 10, 13, 14})


def _is_unavailable(error: DBAPIError) -> bool:
    """Whether the database failed, and not the statement."""
    sqlite_code: int | None = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in _SQLITE_UNAVAILABLE
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    # Without a state the driver speaks for itself: it found no server, or lost it.
    return sqlstate is None or sqlstate.startswith(("08", "40", "53", "55", "57", "58"))


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        # Imported late: who stays with SQLite need not hold PostgreSQL's driver in memory.
        from tracker.postgresql_store import track_engine

        return track_engine(url)
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # A phone forgets a fix once it is acknowledged, so the acknowledgement waits for the disk.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=5000")
        cursor.close()

    return engine
