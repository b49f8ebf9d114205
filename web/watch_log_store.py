"""Who began to watch whom, and when."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Column, Index, Table, Text, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from web.accounts_store import metadata

watch_log = Table(
    "watch_log",
    metadata,
    Column("appointment_id", Text, nullable=False),
    Column("technician_id", Text),
    Column("role", Text, nullable=False),
    Column("person_id", Text),
    Column("session_id", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("watch_log_by_technician", "technician_id", "at_ms"),
)


class WatchEntry(msgspec.Struct, frozen=True):
    """One watch that began. ``session_id`` is the id of a session or link, never its secret."""

    appointment_id: str
    technician_id: str | None
    role: str
    person_id: str | None
    session_id: str
    at_ms: int


async def add_entries(conn: AsyncConnection, entries: Sequence[WatchEntry]) -> None:
    await conn.execute(insert(watch_log), [msgspec.structs.asdict(entry) for entry in entries])


async def entries_of(conn: AsyncConnection, *, technician_id: str, limit: int = 100) -> list[WatchEntry]:
    """The newest watches of one technician, newest first."""
    query = select(watch_log).where(watch_log.c.technician_id == technician_id)
    rows = await conn.execute(query.order_by(watch_log.c.at_ms.desc()).limit(limit))
    return [WatchEntry(**row._mapping) for row in rows]


async def purge(conn: AsyncConnection, *, before_ms: int) -> None:
    await conn.execute(delete(watch_log).where(watch_log.c.at_ms < before_ms))
