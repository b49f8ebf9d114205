"""Holds, and the keys that make a retried booking one appointment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from slots import schema_store as schema
from slots.appointment_store import named
from slots.model import Hold, Value

_holds = schema.holds
_keys = schema.idempotency_keys

# What every booking says is built once: putting a statement together costs more than running it.
_PURGE = delete(_holds).where(
    _holds.c.technician_key.in_(bindparam("keys", expanding=True)), _holds.c.expires_s <= bindparam("now_s")
)
_BY_ID = select(_holds).where(_holds.c.id == bindparam("wanted"))
_COUNT = select(func.count()).where(_holds.c.holder_id == bindparam("holder"), _holds.c.expires_s > bindparam("now_s"))
_INSERT = insert(_holds)
_REMOVE = delete(_holds).where(_holds.c.id == bindparam("wanted"), _holds.c.holder_id == bindparam("holder"))
_REMOVE_FOR_MOVING = delete(_holds).where(_holds.c.moving_id == bindparam("moving"))
_KEY = select(_keys.c.fingerprint, _keys.c.appointment_id).where(
    _keys.c.contact_id == bindparam("contact"), _keys.c.key == bindparam("wanted")
)


def _use_key(statement: sqlite.Insert | postgresql.Insert) -> ReturningInsert[Any]:
    anew = {name: statement.excluded[name] for name in ("fingerprint", "appointment_id", "created_s")}
    return statement.on_conflict_do_update(
        index_elements=[_keys.c.contact_id, _keys.c.key],
        set_=anew,
        where=_keys.c.created_s < bindparam("oldest_s"),
    ).returning(_keys.c.key)


_USE_KEY = {"sqlite": _use_key(sqlite.insert(_keys)), "postgresql": _use_key(postgresql.insert(_keys))}

# A client that retries does so within seconds; a week also covers a phone that was off.
KEY_LIFETIME_S = 7 * 86_400


class BookedBefore(Value, frozen=True, kw_only=True):
    """What an Idempotency-Key was used for."""

    fingerprint: str
    appointment_id: str | None


async def purge_expired(connection: AsyncConnection, *, technician_keys: Iterable[int], now_s: int) -> None:
    """The guard counts every hold that is there, so those whose time is over go first. After the lock."""
    await connection.execute(_PURGE, {"keys": list(technician_keys), "now_s": now_s})


async def hold(connection: AsyncConnection, hold_id: str) -> Hold | None:
    row = (await connection.execute(_BY_ID, {"wanted": hold_id})).one_or_none()
    return Hold(**row._mapping) if row else None


async def count_of_holder(connection: AsyncConnection, holder_id: str, *, now_s: int) -> int:
    return int((await connection.execute(_COUNT, {"holder": holder_id, "now_s": now_s})).scalar_one())


async def insert_hold(connection: AsyncConnection, hold: Hold) -> None:
    """Raises SlotTaken if the database's own guard finds an overlap; the transaction is void then."""
    try:
        await connection.execute(_INSERT, msgspec.structs.asdict(hold))
    except IntegrityError as error:
        raise named(error) from error


async def remove_hold(connection: AsyncConnection, *, hold_id: str, holder_id: str) -> None:
    await connection.execute(_REMOVE, {"wanted": hold_id, "holder": holder_id})


async def remove_holds_for_moving(connection: AsyncConnection, appointment_id: str) -> None:
    await connection.execute(_REMOVE_FOR_MOVING, {"moving": appointment_id})


async def use_key(
    connection: AsyncConnection, *, contact_id: str, key: str, fingerprint: str, appointment_id: str, now_s: int
) -> BookedBefore | None:
    """None: the key is new, or past its lifetime, and now stands for this appointment, which the same transaction
    makes. A second transaction with the same key waits here until the first has ended."""
    taken = await connection.execute(
        _USE_KEY[connection.dialect.name],
        {
            "contact_id": contact_id,
            "key": key,
            "fingerprint": fingerprint,
            "appointment_id": appointment_id,
            "created_s": now_s,
            "oldest_s": now_s - KEY_LIFETIME_S,
        },
    )
    if taken.one_or_none() is not None:
        return None
    row = (await connection.execute(_KEY, {"contact": contact_id, "wanted": key})).one()
    return BookedBefore(fingerprint=row.fingerprint, appointment_id=row.appointment_id)


async def forget_keys(connection: AsyncConnection, *, now_s: int) -> None:
    """Delete the keys past their lifetime. Not while somebody books: it looks at every key there is."""
    await connection.execute(delete(_keys).where(_keys.c.created_s < now_s - KEY_LIFETIME_S))
