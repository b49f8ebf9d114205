"""One way for every change: lock, look, then write the visit, its history and its messages in one transaction."""

from __future__ import annotations

from collections.abc import Mapping

from slots import appointment_store, hold_store, outbox_store
from slots.errors import AlreadyTraveling, NotFound, StaleVersion
from slots.events import Event
from slots.model import Actor, Appointment, AppointmentView, ChangeRecord, Rules
from slots.store import Connection


async def locked_view(
    connection: Connection,
    *,
    appointment_id: str,
    version: int | None,
    now_s: int,
    technician_keys: tuple[int, ...] = (),
    technician_id: str | None = None,
) -> AppointmentView:
    """The visit, with its technician and `technician_keys` locked and their expired holds gone.

    `technician_id`: who it has to be assigned to. Raises NotFound, StaleVersion.
    """
    seen = await appointment_store.view(connection, appointment_id)
    if seen is None:
        raise NotFound("visit")
    keys = {seen.technician.key, *technician_keys}
    view: AppointmentView | None = seen
    if await appointment_store.lock_technicians(connection, keys):
        # Technicians, then the visit, then holds: the same order everywhere, so that nobody waits in a circle.
        view = await appointment_store.view(connection, appointment_id, lock=True)
    await hold_store.purge_expired(connection, technician_keys=keys, now_s=now_s)
    if view is None or (technician_id is not None and view.technician.id != technician_id):
        raise NotFound("visit")
    expected = seen.version if version is None else version
    # Without a version from outside only a new technician matters: that one is not locked.
    if view.version != expected and (version is not None or view.technician.key not in keys):
        raise StaleVersion(expected=expected, actual=view.version)
    return view


async def record_change(
    connection: Connection,
    *,
    before: Appointment | None,
    after: Appointment,
    action: str,
    actor: Actor,
    device_s: int,
    server_s: int,
    facts: Mapping[str, str | int | None] | None = None,
    applied: bool = True,
) -> None:
    """Write `after` over `before` (None: a new visit), and the line of history. A change that is not `applied` leaves
    only that line."""
    if applied and before is None:
        await appointment_store.insert_appointment(connection, after)
    elif applied and before is not None:
        await appointment_store.update_appointment(connection, after, on_version=before.version)
    await appointment_store.add_change(
        connection,
        ChangeRecord(
            appointment_id=after.id,
            action=action,
            from_status=before.status.value if before else None,
            to_status=after.status.value if applied else None,
            device_s=device_s,
            server_s=server_s,
            actor_role=actor.role,
            actor_id=actor.id,
            source=actor.source,
            applied=applied,
            version=after.version,
            facts=facts or {},
        ),
    )


async def record_event(connection: Connection, event: Event, *, rules: Rules) -> None:
    """What the event means for the outbox, in the same transaction."""
    await outbox_store.write_event(connection, event, rules=rules)


async def check_not_traveling(connection: Connection, technician_key: int) -> None:
    """A technician travels to one visit at a time. Raises AlreadyTraveling."""
    other_id = await appointment_store.traveling_of(connection, technician_key)
    if other_id is not None:
        raise AlreadyTraveling(other_id)
