"""Messages to be sent, written in the transaction of the change they tell of; the sender claims and settles them.

Messages to people and events to programs lie in one table and go by their own lane: neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import appointment_store
from slots import schema_store as schema
from slots.event_notices import event_notice
from slots.events import AppointmentBooked, Event
from slots.model import Rules, Value
from slots.notices import EVENT_PREFIX, Notice, retell, tell

_outbox = schema.outbox
_visits = schema.appointments

Lane = Literal["messages", "events"]
_is_event = _outbox.c.kind.startswith(EVENT_PREFIX)
_earlier = _outbox.alias("earlier")
# Of a visit's events one is on its way at a time, the oldest: they arrive in the order of the versions.
_waits_for_another = exists().where(
    _earlier.c.appointment_id == _outbox.c.appointment_id,
    _earlier.c.kind.startswith(EVENT_PREFIX),
    _earlier.c.state == "pending",
    _earlier.c.version < _outbox.c.version,
)
_IN_LANE: dict[Lane, ColumnElement[bool]] = {"messages": ~_is_event, "events": _is_event}
_IN_TURN: dict[Lane, ColumnElement[bool]] = {
    "messages": ~_is_event,
    "events": _is_event & ~_waits_for_another.correlate(_outbox),
}

# What every change says is built once: putting a statement together costs more than running it.
_PUT = {
    "sqlite": sqlite.insert(_outbox).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_outbox).on_conflict_do_nothing(),
}
_PENDING_KINDS = select(_outbox.c.kind).where(
    _outbox.c.appointment_id == bindparam("wanted"), _outbox.c.state == "pending"
)


class OutboxRow(Value, frozen=True, kw_only=True):
    """A message claimed for sending. `message_key` is stable: a repeat after a crash bears the same. The claim is ours
    as long as the database names the same `claimed_until_s`: nobody else claims it before, or with the same."""

    message_key: str
    kind: str
    appointment_id: str | None
    contact_id: str | None
    version: int
    payload: Mapping[str, Any]
    due_s: int
    expires_s: int
    attempts: int
    claimed_until_s: int


class LogRow(Value, frozen=True, kw_only=True):
    """A line of the read-only log. `state`: pending, sent or dead; `outcome` is the last error or why it died."""

    message_key: str
    kind: str
    appointment_id: str | None
    contact_id: str | None
    version: int
    due_s: int
    state: str
    attempts: int
    created_s: int
    settled_s: int | None
    outcome: str | None


async def put(connection: AsyncConnection, notices: tuple[Notice, ...], *, now_s: int) -> None:
    """Insert; a notice whose key exists already is left alone: sent once per visit, kind and version."""
    if not notices:
        return
    rows = [
        msgspec.structs.asdict(notice)
        | {
            "payload": msgspec.json.encode(notice.payload).decode(),
            "state": "pending",
            "attempts": 0,
            "claimed_until_s": 0,
            "created_s": now_s,
        }
        for notice in notices
    ]
    await connection.execute(_PUT[connection.dialect.name], rows)


async def write_event(connection: AsyncConnection, event: Event, *, rules: Rules) -> None:
    """What the event means for the outbox, in the transaction of the change itself."""
    visit = event.view.appointment
    # Nothing can wait yet that tells of a new visit.
    is_new = isinstance(event, AppointmentBooked)
    pending = frozenset(() if is_new else await pending_kinds(connection, visit.id))
    telling = tell(event, rules=rules, pending=pending)
    if telling.dying & pending:
        await _bury(connection, visit.id, telling.dying, now_s=event.server_s)
    events = (event_notice(event),) if rules.tells_events else ()
    await put(connection, (*telling.notices, *events), now_s=event.server_s)


async def pending_kinds(connection: AsyncConnection, appointment_id: str) -> tuple[str, ...]:
    return tuple((await connection.execute(_PENDING_KINDS, {"wanted": appointment_id})).scalars())


async def claim_due(
    connection: AsyncConnection, *, now_s: int, lease_s: int = 120, limit: int = 50, lane: Lane = "messages"
) -> tuple[OutboxRow, ...]:
    """Due rows, reserved for this sender until the lease ends; needs a transaction. Expired rows die here.

    Of a visit's events only the oldest that is not settled.

    A sender that crashes loses its lease, not its rows: they are claimed again with the same `message_key`.
    """
    free = (
        _outbox.c.state == "pending",
        _outbox.c.due_s <= now_s,
        _outbox.c.claimed_until_s <= now_s,
        _IN_LANE[lane],
    )
    # Rows that another transaction is changing are left for next time, or the two could wait for each other.
    expired = select(_outbox.c.key).where(*free, _outbox.c.expires_s <= now_s).with_for_update(skip_locked=True)
    await connection.execute(
        update(_outbox).where(_outbox.c.key.in_(expired)).values(state="dead", outcome="expired", settled_s=now_s)
    )
    query = select(_outbox).where(*free, _IN_TURN[lane]).order_by(_outbox.c.due_s, _outbox.c.key).limit(limit)
    if connection.dialect.name != "sqlite":
        query = query.with_for_update(skip_locked=True)
    rows = (await connection.execute(query)).all()
    if rows:
        await connection.execute(
            update(_outbox)
            .where(_outbox.c.key.in_([row.key for row in rows]))
            .values(claimed_until_s=now_s + lease_s, attempts=_outbox.c.attempts + 1)
        )
    return tuple(
        OutboxRow(
            message_key=row.key,
            kind=row.kind,
            appointment_id=row.appointment_id,
            contact_id=row.contact_id,
            version=row.version,
            payload=msgspec.json.decode(row.payload),
            due_s=row.due_s,
            expires_s=row.expires_s,
            attempts=row.attempts + 1,
            claimed_until_s=now_s + lease_s,
        )
        for row in rows
    )


async def hold_on(connection: AsyncConnection, rows: Sequence[OutboxRow], *, until_s: int) -> tuple[OutboxRow, ...]:
    """Claim these rows for longer; those that are still ours to send. One that died or was claimed by another meanwhile
    is left out."""
    changed = update(_outbox).where(_are_ours(rows)).values(claimed_until_s=until_s).returning(_outbox.c.key)
    kept = set((await connection.execute(changed)).scalars())
    return tuple(msgspec.structs.replace(row, claimed_until_s=until_s) for row in rows if row.message_key in kept)


async def let_go(connection: AsyncConnection, rows: Sequence[OutboxRow]) -> None:
    """Give rows back that were not tried: the next sender need not wait for the end of the claim."""
    given_back = {"claimed_until_s": 0, "attempts": _outbox.c.attempts - 1}
    await connection.execute(update(_outbox).where(_are_ours(rows)).values(given_back))


async def mark_sent(
    connection: AsyncConnection,
    *,
    message_key: str,
    told_window_start_s: int | None,
    now_s: int,
    rules: Rules | None = None,
) -> None:
    """The message went out. `told_window_start_s`: the window start it named, None if it named none.

    If the visit has moved on by more than `rules.retell_s` while the message was on its way, a `moved` message follows
    by itself.
    """
    query = select(_outbox.c.appointment_id).where(_outbox.c.key == message_key)
    appointment_id = (await connection.execute(query)).scalar_one_or_none()
    view = None
    if appointment_id is not None and told_window_start_s is not None:
        # First the visit, then its messages: the order of every change, so that nobody waits in a circle.
        # Not a change of the visit: its version stays, or a customer's open page would go stale by our own e-mail.
        await connection.execute(
            update(_visits).where(_visits.c.id == appointment_id).values(told_window_start_s=told_window_start_s)
        )
        view = await appointment_store.view(connection, appointment_id)
    # Also a row that died while it was on its way: it did go out, and the log says so.
    await connection.execute(
        update(_outbox).where(_outbox.c.key == message_key).values(state="sent", outcome=None, settled_s=now_s)
    )
    if view is None or told_window_start_s is None:
        return
    owed = retell(view, told_window_start_s=told_window_start_s, rules=rules or Rules(), now_s=now_s)
    if owed is not None:
        await put(connection, (owed,), now_s=now_s)


async def mark_failed(connection: AsyncConnection, *, message_key: str, error: str, retry_s: int, now_s: int) -> None:
    """Try again not before `retry_s`."""
    await connection.execute(
        update(_outbox)
        .where(_outbox.c.key == message_key, _outbox.c.state == "pending")
        .values(due_s=retry_s, claimed_until_s=now_s, outcome=error[:500])
    )


async def mark_dead(connection: AsyncConnection, *, message_key: str, reason: str, now_s: int) -> None:
    """It will not be sent (canceled, switched off, undeliverable); it stays in the log with the reason."""
    await connection.execute(
        update(_outbox)
        .where(_outbox.c.key == message_key, _outbox.c.state == "pending")
        .values(state="dead", outcome=reason[:500], settled_s=now_s)
    )


async def is_due(connection: AsyncConnection, *, now_s: int, lane: Lane = "messages") -> bool:
    """Is there anything to claim, or that another sender has claimed? Looks at nothing that is due later: there may be
    a reminder of every visit."""
    pending = (_outbox.c.state == "pending", _outbox.c.due_s <= now_s, _IN_TURN[lane])
    return (await connection.execute(select(_outbox.c.key).where(*pending).limit(1))).first() is not None


async def log(
    connection: AsyncConnection, *, appointment_id: str | None = None, limit: int = 200, lane: Lane = "messages"
) -> tuple[LogRow, ...]:
    """Newest first."""
    names = [name for name in LogRow.__struct_fields__ if name != "message_key"]
    query = select(_outbox.c.key.label("message_key"), *(_outbox.c[name] for name in names)).where(_IN_LANE[lane])
    if appointment_id is not None:
        query = query.where(_outbox.c.appointment_id == appointment_id)
    query = query.order_by(_outbox.c.created_s.desc(), _outbox.c.key).limit(limit)
    return tuple(LogRow(**row._mapping) for row in await connection.execute(query))


async def purge_settled(connection: AsyncConnection, *, before_s: int) -> int:
    """Forget settled rows older than this; how many went."""
    result = await connection.execute(
        delete(_outbox).where(_outbox.c.state != "pending", _outbox.c.settled_s < before_s)
    )
    return int(result.rowcount)


def _are_ours(rows: Sequence[OutboxRow]) -> ColumnElement[bool]:
    """Rows of one batch have one claim."""
    return and_(
        _outbox.c.key.in_([row.message_key for row in rows]),
        _outbox.c.state == "pending",
        _outbox.c.claimed_until_s == rows[0].claimed_until_s,
    )


async def _bury(connection: AsyncConnection, appointment_id: str, kinds: Iterable[str], *, now_s: int) -> None:
    await connection.execute(
        update(_outbox)
        .where(
            _outbox.c.appointment_id == appointment_id,
            _outbox.c.state == "pending",
            _outbox.c.kind.in_(sorted(kinds)),
        )
        .values(state="dead", outcome="outdated by a newer change", settled_s=now_s)
    )
