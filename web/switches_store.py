"""The stored switches of the installation."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, Text, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from web.accounts_store import metadata

switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Boolean, nullable=False),
)


async def stored_switches(conn: AsyncConnection) -> dict[str, bool]:
    return {row.name: row.value for row in await conn.execute(select(switches))}


async def put_switch(conn: AsyncConnection, *, name: str, value: bool) -> None:
    await conn.execute(delete(switches).where(switches.c.name == name))
    await conn.execute(insert(switches).values(name=name, value=value))
