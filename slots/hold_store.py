"""Holds, and the keys that make a retried booking one appointment."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import schema_store as schema
from slots.appointment_store import named
from slots.model import Hold, Value

_holds = schema.holds
_keys = schema.idempotency_keys

# A client that retries does so within seconds; a week also covers a phone that was off.
KEY_LIFETIME_S = 7 * 86_400


class BookedBefore(Value, frozen=True, kw_only=True):
    """What an Idempotency-Key was used for."""

    fingerprint: str
    appointment_id: str | None


async def purge_expired(connection: AsyncConnection, *, technician_keys: Iterable[int], now_s: int) -> None:
    """The guard counts every hold that is there, so those whose time is over go first. After the lock."""
    await connection.execute(
        delete(_holds).where(_holds.c.technician_key.in_(list(technician_keys)), _holds.c.expires_s <= now_s)
    )


async def hold(connection: AsyncConnection, hold_id: str) -> Hold | None:
    row = (await connection.execute(select(_holds).where(_holds.c.id == hold_id))).one_or_none()
    return Hold(**row._mapping) if row else None


async def count_of_holder(connection: AsyncConnection, holder_id: str, *, now_s: int) -> int:
    query = select(func.count()).where(_holds.c.holder_id == holder_id, _holds.c.expires_s > now_s)
    return int((await connection.execute(query)).scalar_one())


async def insert_hold(connection: AsyncConnection, hold: Hold) -> None:
    """Raises SlotTaken if the database's own guard finds an overlap; the transaction is void then."""
    try:
        await connection.execute(insert(_holds).values(**msgspec.structs.asdict(hold)))
    except IntegrityError as error:
        raise named(error) from error


async def remove_hold(connection: AsyncConnection, *, hold_id: str, holder_id: str) -> None:
    await connection.execute(delete(_holds).where(_holds.c.id == hold_id, _holds.c.holder_id == holder_id))


async def remove_holds_for_moving(connection: AsyncConnection, appointment_id: str) -> None:
    await connection.execute(delete(_holds).where(_holds.c.moving_id == appointment_id))


async def use_key(
    connection: AsyncConnection, *, contact_id: str, key: str, fingerprint: str, now_s: int
) -> BookedBefore | None:
    """None: the key is new, or past its lifetime, and now taken by this transaction. A second transaction with the same
    key waits here until the first has ended."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    anew = {"fingerprint": fingerprint, "appointment_id": None, "created_s": now_s}
    statement = dialect.insert(_keys).values(contact_id=contact_id, key=key, **anew)
    statement = statement.on_conflict_do_update(
        index_elements=[_keys.c.contact_id, _keys.c.key],
        set_=anew,
        where=_keys.c.created_s < now_s - KEY_LIFETIME_S,
    )
    taken = await connection.execute(statement.returning(_keys.c.key))
    if taken.one_or_none() is not None:
        return None
    query = select(_keys.c.fingerprint, _keys.c.appointment_id).where(
        _keys.c.contact_id == contact_id, _keys.c.key == key
    )
    row = (await connection.execute(query)).one()
    return BookedBefore(fingerprint=row.fingerprint, appointment_id=row.appointment_id)


async def forget_keys(connection: AsyncConnection, *, now_s: int) -> None:
    """Delete the keys past their lifetime. Not while somebody books: it looks at every key there is."""
    await connection.execute(delete(_keys).where(_keys.c.created_s < now_s - KEY_LIFETIME_S))


async def settle_key(connection: AsyncConnection, *, contact_id: str, key: str, appointment_id: str) -> None:
    await connection.execute(
        update(_keys).where(_keys.c.contact_id == contact_id, _keys.c.key == key).values(appointment_id=appointment_id)
    )
