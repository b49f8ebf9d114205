"""Which visit of an account was chosen as the Active one, where it is not the one that set off first: for every process
the same, and after a restart."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from web.accounts_store import metadata

active_visits = Table(
    "active_visits",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("appointment_id", Text, nullable=False),
    Column("chosen_s", BigInteger, nullable=False),
)

ASKED_AT_ONCE = 1000
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Chosen(msgspec.Struct, frozen=True):
    """A choice and its instant. It says nothing of a visit whose technician set off again later."""

    appointment_id: str
    chosen_s: int


async def chosen_before(conn: AsyncConnection, account_ids: Sequence[str]) -> dict[str, Chosen]:
    """The last choice of each account that ever had one."""
    found = {}
    for first in range(0, len(account_ids), ASKED_AT_ONCE):
        some = account_ids[first : first + ASKED_AT_ONCE]
        for row in await conn.execute(select(active_visits).where(active_visits.c.account_id.in_(some))):
            found[row.account_id] = Chosen(row.appointment_id, row.chosen_s)
    return found


async def keep(conn: AsyncConnection, *, account_id: str, chosen: Chosen, before: Chosen | None) -> Chosen:
    """Store a choice made on the knowledge of `before`; the one that holds now. Needs a transaction.

    Where another process has chosen meanwhile, its choice holds.
    """
    new = _INSERT[conn.dialect.name](active_visits).values(
        account_id=account_id, appointment_id=chosen.appointment_id, chosen_s=chosen.chosen_s
    )
    mine = new.on_conflict_do_update(
        index_elements=[active_visits.c.account_id],
        set_={"appointment_id": chosen.appointment_id, "chosen_s": chosen.chosen_s},
        where=(active_visits.c.appointment_id == (before.appointment_id if before else None))
        & (active_visits.c.chosen_s == (before.chosen_s if before else None)),
    ).returning(active_visits.c.account_id)
    if (await conn.execute(mine)).first() is not None:
        return chosen
    return (await chosen_before(conn, [account_id]))[account_id]
