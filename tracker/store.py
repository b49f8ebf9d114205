"""Fixes, last states, duties, predictions and what was learned: what live tracking keeps in a database.

A synchronous SQLAlchemy Core store behind a small port, used from one worker thread, so that the event loop
never waits for a disk. On SQLite it is a file of its own beside the bookings: batches of fixes never hold up a
booking.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
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
from sqlalchemy.engine import Connection, Engine, make_url

from tracker import calibration_store, ledger_store, night_store, told_store
from tracker.driven_trips import DrivenTrips
from tracker.recordings import Recording
from tracker.records import FixRow, KeptCalibration, LastState, Prediction, ToldArrival

metadata = MetaData()

fix_batches = Table(
    "fix_batches",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("oldest_at", BigInteger, nullable=False),
    Column("newest_at", BigInteger, nullable=False, index=True),
    Column("count", Integer, nullable=False),
    Column("rows", LargeBinary, nullable=False),
)
"""The fixes of everybody as they were committed: one row for a tenth of a second. A row per fix costs some
fifteen times the CPU (28 against 2 µs), taken from the core that also serves the watchers."""

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

predictions = ledger_store.predictions_table(metadata)
told_arrivals = told_store.told_table(metadata)
calibrations = calibration_store.calibrations_table(metadata)
nights = night_store.nights_table(metadata)


class TrackStore(Protocol):
    """The port. Every method may be called from a worker thread and returns after the commit."""

    def write(self, rows: Iterable[FixRow], states: Iterable[LastState], told: Iterable[ToldArrival] = ()) -> None: ...
    def last_states(self) -> list[LastState]: ...
    def duties(self) -> dict[str, tuple[str, int]]: ...
    def write_duty(self, technician_id: str, duty: str, since_ms: int) -> None: ...
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
    def purge(self, before_ms: int) -> int: ...
    def close(self) -> None: ...


MAX_MS = 1 << 62
BATCHES_AT_ONCE = 200
RECENT_BATCHES = 2_000
"""Three minutes at full load; a state is written every ten seconds at the latest."""

_encode_rows = msgspec.msgpack.Encoder().encode
_decode_rows = msgspec.msgpack.Decoder(list[FixRow]).decode
_encode_state = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(LastState).decode


class SqlTrackStore:
    """The store on SQLite (``sqlite:///…``) or PostgreSQL (``postgresql+psycopg://…``).

    The tables exist already (migrations). Writing a fix again is harmless: it is read once.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        sqlite = self._engine.dialect.name == "sqlite"
        mark = "?" if sqlite else "%s"
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

    def write(self, rows: Iterable[FixRow], states: Iterable[LastState], told: Iterable[ToldArrival] = ()) -> None:
        batch = list(rows)
        state_tuples = [(state.technician_id, state.trip_id, _encode_state(state), state.fixed_at) for state in states]
        with self._engine.begin() as connection:
            if batch:
                connection.execute(fix_batches.insert(), _batch_values(batch))
            if state_tuples:
                connection.exec_driver_sql(self._upsert_state, state_tuples)
            told_store.write(connection, told_arrivals, told)

    def last_states(self) -> list[LastState]:
        """What is known of every technician, with the position of their newest fix: that one is always on disk,
        while the state beside it is written less often."""
        with self._engine.connect() as connection:
            states = [_decode_state(state) for (state,) in connection.execute(select(last_states.c.state))]
            newest = self._newest_fixes(connection, since_ms=min((state.fixed_at for state in states), default=0))
        for state in states:
            row = newest.get(state.technician_id)
            if row is not None and row.fixed_at > state.fixed_at:
                state.move_to(row)
        return states

    def duties(self) -> dict[str, tuple[str, int]]:
        """Each technician's duty and since when (ms since 1970)."""
        with self._engine.connect() as connection:
            return {row.technician_id: (row.duty, row.since_at) for row in connection.execute(select(duties))}

    def write_duty(self, technician_id: str, duty: str, since_ms: int) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(self._upsert_duty, [(technician_id, duty, since_ms)])

    def told(self, trip_id: str, *, from_ms: int) -> list[ToldArrival]:
        """What was told of a trip under way from then on (ms since 1970), in order; about one a minute."""
        with self._engine.connect() as connection:
            return told_store.told(connection, told_arrivals, trip_id, from_ms=from_ms)

    def write_predictions(self, rows: Iterable[Prediction], *, if_missing: bool = False) -> None:
        """With ``if_missing`` a visit that the ledger knows already stays as it is."""
        with self._engine.begin() as connection:
            ledger_store.write(connection, predictions, rows, if_missing=if_missing)

    def ledger(self, from_ms: int, to_ms: int) -> list[Prediction]:
        """What the ledger holds of arrivals from ``from_ms`` until before ``to_ms`` (ms since 1970), in order."""
        with self._engine.connect() as connection:
            return ledger_store.arrived(connection, predictions, from_ms=from_ms, to_ms=to_ms)

    @staticmethod
    def _newest_fixes(connection: Connection, *, since_ms: int) -> dict[str, FixRow]:
        """The newest fix of each technician in the last batches: states are never older than a few seconds more."""
        query = select(fix_batches.c.rows).where(fix_batches.c.newest_at > since_ms)
        found: dict[str, FixRow] = {}
        for (packed,) in connection.execute(query.order_by(fix_batches.c.id.desc()).limit(RECENT_BATCHES)):
            for row in _decode_rows(packed):
                known = found.get(row.technician_id)
                if not row.late and (known is None or row.fixed_at > known.fixed_at):
                    found[row.technician_id] = row
        return found

    def history(self, trip_id: str, *, from_ms: int = 0, to_ms: int = MAX_MS) -> list[FixRow]:
        """The fixes of one trip in order, each time once. Reads what everybody sent in that span (ms since 1970)."""
        query = select(fix_batches.c.rows).where(fix_batches.c.newest_at >= from_ms, fix_batches.c.oldest_at <= to_ms)
        found: dict[tuple[str, int], FixRow] = {}
        with self._engine.connect() as connection:
            for (packed,) in connection.execute(query.order_by(fix_batches.c.id)):
                for row in _decode_rows(packed):
                    if row.trip_id == trip_id and from_ms <= row.fixed_at <= to_ms:
                        # A device that missed an acknowledgement sends again; the first time counts.
                        found.setdefault((row.technician_id, row.fixed_at), row)
        return sorted(found.values(), key=lambda row: row.fixed_at)

    def finished_trips(self, *, since_ms: int, before_ms: int, at_most: int) -> list[Recording]:
        """The newest trips driven since ``since_ms`` whose last fix is from before ``before_ms``, earliest first."""
        columns = fix_batches.c
        query = select(columns.rows).where(columns.newest_at >= since_ms).order_by(columns.id.desc())
        trips = DrivenTrips(since_ms=since_ms, before_ms=before_ms, at_most=at_most)
        with self._engine.connect() as connection:
            # A month of everybody is not held at once.
            for (packed,) in connection.execution_options(yield_per=BATCHES_AT_ONCE).execute(query):
                trips.take(_decode_rows(packed))
        return trips.recordings()

    def write_calibration(self, kept: KeptCalibration) -> None:
        with self._engine.begin() as connection:
            calibration_store.write(connection, calibrations, kept)

    def calibration(self) -> KeptCalibration | None:
        """What was learned last; None before."""
        with self._engine.connect() as connection:
            return calibration_store.newest(connection, calibrations)

    def calibrations(self, from_ms: int) -> list[KeptCalibration]:
        """What was in force at some time from ``from_ms`` on, and the one before that, the earliest first."""
        with self._engine.connect() as connection:
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
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.coalesce(func.sum(fix_batches.c.count), 0))).scalar_one())

    def purge(self, before_ms: int) -> int:
        """Forget fixes, and what was told under way, older than that (ms since 1970); returns how many fixes went."""
        columns = fix_batches.c
        gone = 0
        with self._engine.begin() as connection:
            told_store.forget(connection, told_arrivals, before_ms=before_ms)
            whole = columns.newest_at < before_ms
            gone += connection.execute(select(func.coalesce(func.sum(columns.count), 0)).where(whole)).scalar_one()
            connection.execute(delete(fix_batches).where(whole))
            parted = connection.execute(select(columns.id, columns.rows).where(columns.oldest_at < before_ms)).all()
            for batch_id, packed in parted:
                rows = _decode_rows(packed)
                kept = [row for row in rows if row.fixed_at >= before_ms]
                gone += len(rows) - len(kept)
                connection.execute(fix_batches.update().where(columns.id == batch_id).values(_batch_values(kept)))
        return gone

    def close(self) -> None:
        self._engine.dispose()


def _batch_values(rows: list[FixRow]) -> dict[str, Any]:
    times = [row.fixed_at for row in rows]
    return {"oldest_at": min(times), "newest_at": max(times), "count": len(rows), "rows": _encode_rows(rows)}


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
