"""The fixes of everybody as they were committed: one row for a tenth of a second or more.

A row per fix costs some fifteen times the CPU (28 against 2 µs), taken from the core that also serves the watchers.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, delete, func, select
from sqlalchemy.engine import Connection

from tracker.driven_trips import DrivenTrips
from tracker.records import FixRow

BATCHES_AT_ONCE = 200
RECENT_BATCHES = 2_000
"""Three minutes at full load; a state is written every ten seconds at the latest."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[FixRow]).decode


def fix_table(metadata: MetaData) -> Table:
    """The table. On PostgreSQL it has a partition for each day (``fix_days_store``), and a batch is of one day."""
    return Table(
        "fix_batches",
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("oldest_at", BigInteger, nullable=False),
        Column("newest_at", BigInteger, nullable=False, index=True),
        Column("count", Integer, nullable=False),
        Column("rows", LargeBinary, nullable=False),
    )


def write(connection: Connection, rows: list[FixRow]) -> None:
    """One batch; not an empty one."""
    values = _values(rows)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    # Plain SQL: a statement that is put together each time takes as long as all the rest of a small batch.
    connection.exec_driver_sql(
        f'INSERT INTO fix_batches (oldest_at, newest_at, "count", "rows") VALUES ({mark}, {mark}, {mark}, {mark})',
        (values["oldest_at"], values["newest_at"], values["count"], values["rows"]),
    )


def newest(connection: Connection, table: Table, *, since_ms: int) -> dict[str, FixRow]:
    """The newest fix of each technician in the last batches: states are never older than a few seconds more."""
    query = select(table.c.rows).where(table.c.newest_at > since_ms)
    found: dict[str, FixRow] = {}
    for (packed,) in connection.execute(query.order_by(table.c.id.desc()).limit(RECENT_BATCHES)):
        for row in _decode(packed):
            known = found.get(row.technician_id)
            if not row.late and (known is None or row.fixed_at > known.fixed_at):
                found[row.technician_id] = row
    return found


def of_trip(connection: Connection, table: Table, trip_id: str, *, from_ms: int, to_ms: int) -> list[FixRow]:
    """The fixes of one trip in order, each time once. Reads what everybody sent in that span (ms since 1970)."""
    query = select(table.c.rows).where(table.c.newest_at >= from_ms, table.c.oldest_at <= to_ms)
    found: dict[tuple[str, int], FixRow] = {}
    for (packed,) in _in_parts(connection).execute(query.order_by(table.c.id)):
        for row in _decode(packed):
            if row.trip_id == trip_id and from_ms <= row.fixed_at <= to_ms:
                # A device that missed an acknowledgement sends again; the first time counts.
                found.setdefault((row.technician_id, row.fixed_at), row)
    return sorted(found.values(), key=lambda row: row.fixed_at)


def give_to(trips: DrivenTrips, connection: Connection, table: Table, *, since_ms: int) -> None:
    """All fixes from then on (ms since 1970), the batches in the order that ``DrivenTrips`` wants: newest first."""
    query = select(table.c.rows).where(table.c.newest_at >= since_ms).order_by(table.c.id.desc())
    for (packed,) in _in_parts(connection).execute(query):
        trips.take(_decode(packed))


def count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(table.c.count), 0))).scalar_one())


def forget(connection: Connection, table: Table, *, before_ms: int) -> int:
    """Delete what is older than that (ms since 1970), fix by fix; returns how many went."""
    columns = table.c
    whole = columns.newest_at < before_ms
    gone = int(connection.execute(select(func.coalesce(func.sum(columns.count), 0)).where(whole)).scalar_one())
    connection.execute(delete(table).where(whole))
    parted = connection.execute(select(columns.id, columns.rows).where(columns.oldest_at < before_ms)).all()
    for batch_id, packed in parted:
        rows = _decode(packed)
        kept = [row for row in rows if row.fixed_at >= before_ms]
        gone += len(rows) - len(kept)
        connection.execute(table.update().where(columns.id == batch_id).values(_values(kept)))
    return gone


def _in_parts(connection: Connection) -> Connection:
    """A month of everybody is not held at once."""
    return connection.execution_options(yield_per=BATCHES_AT_ONCE)


def _values(rows: list[FixRow]) -> dict[str, Any]:
    times = [row.fixed_at for row in rows]
    return {"oldest_at": min(times), "newest_at": max(times), "count": len(rows), "rows": _encode(rows)}
