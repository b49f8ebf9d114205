"""Work that one process of an installation does for all: whoever takes the lease does it until that instant."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from web.accounts_store import metadata

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until_s", BigInteger, nullable=False),
)

_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def is_taken(conn: AsyncConnection, *, name: str, now_s: int) -> bool:
    """Whether asking for it is in vain now."""
    query = select(leases.c.until_s).where(leases.c.name == name, leases.c.until_s > now_s)
    return (await conn.execute(query)).first() is not None


async def take(conn: AsyncConnection, *, name: str, owner: str, now_s: int, until_s: int) -> bool:
    """Take a lease that nobody holds any more: of any number who ask at once, one gets it. Needs a transaction.

    A holder that dies keeps it until its end; what was to be done is then done by another.
    """
    new = _INSERT[conn.dialect.name](leases).values(name=name, owner=owner, until_s=until_s)
    taken = new.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"owner": owner, "until_s": until_s},
        where=leases.c.until_s <= now_s,
    ).returning(leases.c.name)
    return (await conn.execute(taken)).first() is not None
