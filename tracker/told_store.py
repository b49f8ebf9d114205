"""What was told under way, until the arrival settles it: one row per trip and minute."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import msgspec
from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.engine import Connection

from tracker.records import ToldArrival


def told_table(metadata: MetaData) -> Table:
    """The table, whose columns are the fields of ``ToldArrival``."""
    return Table(
        "told_arrivals",
        metadata,
        Column("trip_id", String(64), primary_key=True),
        Column("told_at", BigInteger, primary_key=True, index=True),
        Column("eta_at", BigInteger, nullable=False),
        Column("eta_low_at", BigInteger, nullable=False),
        Column("eta_high_at", BigInteger, nullable=False),
    )


def write(connection: Connection, table: Table, rows: Iterable[ToldArrival]) -> None:
    """Written again it stays what it was: a batch that failed half way is tried again."""
    values = [msgspec.to_builtins(row) for row in rows]
    if values:
        connection.execute(_insert(table, connection.dialect.name), values)


@functools.cache
def _insert(table: Table, dialect: str) -> SqliteInsert | PostgresqlInsert:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()


def told(connection: Connection, table: Table, trip_id: str, *, from_ms: int) -> list[ToldArrival]:
    """What was told of a trip from then on, in order."""
    columns = table.c
    query = (
        select(*(columns[field.name] for field in msgspec.structs.fields(ToldArrival)))
        .where(columns.trip_id == trip_id, columns.told_at >= from_ms)
        .order_by(columns.told_at)
    )
    return [ToldArrival(*row) for row in connection.execute(query)]


def forget(connection: Connection, table: Table, *, before_ms: int) -> None:
    connection.execute(delete(table).where(table.c.told_at < before_ms))
