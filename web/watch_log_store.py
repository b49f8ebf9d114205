"""Who began to see whom, and when."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Column, Index, Table, Text, and_, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from web.accounts_store import metadata

watch_log = Table(
    "watch_log",
    metadata,
    Column("appointment_id", Text),
    Column("technician_id", Text),
    Column("role", Text, nullable=False),
    Column("person_id", Text),
    Column("session_id", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("watch_log_by_time", "at_ms"),
    Index("watch_log_by_appointment", "appointment_id", "at_ms"),
)

LINES = 500
"""More watchers of one visit than anybody reads."""


class WatchEntry(msgspec.Struct, frozen=True):
    """Somebody began to see a technician; everybody, without visit and technician, on the board. ``person_id`` of a
    link is its recipient, ``session_id`` the id of a session or link, never its secret."""

    appointment_id: str | None
    technician_id: str | None
    role: str
    person_id: str | None
    session_id: str
    at_ms: int


class WatchLine(msgspec.Struct, frozen=True):
    """What one person, or one link of nobody's (``who``), saw: the first and the last beginning, and how many."""

    technician_id: str | None
    role: str
    who: str
    first_ms: int
    last_ms: int
    times: int


async def add_entries(conn: AsyncConnection, entries: Sequence[WatchEntry]) -> None:
    await conn.execute(insert(watch_log), [msgspec.structs.asdict(entry) for entry in entries])


async def lines_of(conn: AsyncConnection, *, appointment_id: str, from_ms: int, to_ms: int) -> list[WatchLine]:
    """Who saw a technician on the way to this visit, and who opened the board in that span (ms since 1970); who came
    first is first."""
    columns = watch_log.c
    of_visit = and_(columns.appointment_id == appointment_id, columns.technician_id.is_not(None))
    of_board = and_(columns.appointment_id.is_(None), columns.at_ms.between(from_ms, to_ms))
    who = func.coalesce(columns.person_id, columns.session_id).label("who")
    first_ms = func.min(columns.at_ms)
    query = (
        select(columns.technician_id, columns.role, who, first_ms, func.max(columns.at_ms), func.count())
        .where(or_(of_visit, of_board))
        .group_by(columns.technician_id, columns.role, who)
        .order_by(first_ms, who)
        .limit(LINES)
    )
    return [WatchLine(*row) for row in await conn.execute(query)]


async def purge(conn: AsyncConnection, *, before_ms: int) -> None:
    await conn.execute(delete(watch_log).where(watch_log.c.at_ms < before_ms))
