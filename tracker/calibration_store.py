"""What was learned, as it is kept: the newest row counts, some older ones stay to look back at."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, delete, select
from sqlalchemy.engine import Connection

from tracker.records import KeptCalibration

KEPT = 30
"""A month of nights; one is some hundred kilobytes in a city."""


def calibrations_table(metadata: MetaData) -> Table:
    return Table(
        "calibrations",
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("learned_at", BigInteger, nullable=False),
        Column("trips", Integer, nullable=False),
        Column("data", LargeBinary, nullable=False),
    )


def write(connection: Connection, table: Table, kept: KeptCalibration) -> None:
    values = {"learned_at": kept.learned_at, "trips": kept.trips, "data": kept.data}
    connection.execute(table.insert(), values)
    ids = connection.execute(select(table.c.id).order_by(table.c.id.desc()).limit(KEPT)).scalars().all()
    connection.execute(delete(table).where(table.c.id < ids[-1]))


def since(connection: Connection, table: Table, from_ms: int) -> list[KeptCalibration]:
    """All that were in force at some time from ``from_ms`` on, and the one before them, the earliest first."""
    columns = table.c
    query = select(columns.learned_at, columns.trips, columns.data).order_by(columns.id.desc())
    found: list[KeptCalibration] = []
    before = 0
    for row in connection.execute(query):
        found.append(KeptCalibration(row.learned_at, row.trips, bytes(row.data)))
        before += row.learned_at < from_ms
        if before == 2:
            break
    return found[::-1]


def newest(connection: Connection, table: Table) -> KeptCalibration | None:
    columns = table.c
    query = select(columns.learned_at, columns.trips, columns.data).order_by(columns.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else KeptCalibration(row.learned_at, row.trips, bytes(row.data))
