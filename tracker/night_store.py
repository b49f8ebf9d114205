"""Which nights were learned from, so that of several processes one does it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Table, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

BROKEN_OFF_MS = 3_600_000
"""Learning takes minutes: who took a night so long ago and did not end it was stopped in the middle."""
KEPT_MS = 30 * 24 * 3_600_000


def nights_table(metadata: MetaData) -> Table:
    return Table(
        "nights",
        metadata,
        Column("night_at", BigInteger, primary_key=True, autoincrement=False),
        Column("taken_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger),
    )


def take(connection: Connection, table: Table, *, night_ms: int, now_ms: int) -> bool:
    """True for one process: the first that asks, or another when that one broke off."""
    connection.execute(delete(table).where(table.c.night_at < night_ms - KEPT_MS))
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    take = insert(table).values(night_at=night_ms, taken_at=now_ms)
    broken_off = table.c.ended_at.is_(None) & (table.c.taken_at <= now_ms - BROKEN_OFF_MS)
    taken = take.on_conflict_do_update(
        index_elements=[table.c.night_at], set_={"taken_at": take.excluded.taken_at}, where=broken_off
    ).returning(table.c.night_at)
    return connection.execute(taken).first() is not None


def end(connection: Connection, table: Table, *, night_ms: int, now_ms: int) -> None:
    connection.execute(table.update().where(table.c.night_at == night_ms).values(ended_at=now_ms))
