"""The ledger of arrival times as it is kept: one row per visit and horizon."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, delete, select
from sqlalchemy.engine import Connection

from tracker.records import Prediction


def predictions_table(metadata: MetaData) -> Table:
    """The table, whose columns are the fields of ``Prediction``."""
    return Table(
        "predictions",
        metadata,
        Column("trip_id", String(64), primary_key=True),
        Column("minutes_before", Integer, primary_key=True),
        Column("technician_id", String(64), nullable=False),
        Column("predicted_at", BigInteger, nullable=False),
        Column("eta_at", BigInteger, nullable=False),
        Column("eta_low_at", BigInteger, nullable=False),
        Column("eta_high_at", BigInteger, nullable=False),
        Column("arrived_at", BigInteger, nullable=False, index=True),
        Column("area", String(24)),
    )


def write(connection: Connection, table: Table, rows: Iterable[Prediction], *, if_missing: bool = False) -> None:
    """A visit that is settled again loses its earlier rows; with ``if_missing`` it keeps them and takes no others."""
    values = [msgspec.to_builtins(row) for row in rows]
    if values:
        trips = {value["trip_id"] for value in values}
        of_these = table.c.trip_id.in_(trips)
        if if_missing:
            known = set(connection.execute(select(table.c.trip_id).where(of_these)).scalars())
            values = [value for value in values if value["trip_id"] not in known]
            if values:
                connection.execute(table.insert(), values)
            return
        connection.execute(delete(table).where(of_these))
        connection.execute(table.insert(), values)


def arrived(connection: Connection, table: Table, *, from_ms: int, to_ms: int) -> list[Prediction]:
    """The rows of arrivals from ``from_ms`` until before ``to_ms``, by arrival, the longest horizon first."""
    columns = table.c
    query = (
        select(*(columns[field.name] for field in msgspec.structs.fields(Prediction)))
        .where(columns.arrived_at >= from_ms, columns.arrived_at < to_ms)
        .order_by(columns.arrived_at, columns.trip_id, columns.minutes_before.desc())
    )
    return [Prediction(*row) for row in connection.execute(query)]
