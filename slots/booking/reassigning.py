"""Giving a visit to another technician, also while the customer watches."""

from __future__ import annotations

import msgspec

from slots import catalog_store
from slots.booking.recording import check_not_traveling, locked_view, record_change, record_event
from slots.booking.scheduling import Change, Scheduling
from slots.booking.taking import technician_of
from slots.errors import IllegalTransition, NotBookable, NotFound
from slots.events import AppointmentReassigned
from slots.model import Actor, Status
from slots.store import again_if_undone


@again_if_undone
async def reassign(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    technician_id: str,
    version: int | None = None,
    actor: Actor,
    now_s: int,
) -> Change:
    """Give a Scheduled or Traveling visit to another technician at the same time; its state stays.

    Skill and overlap are checked, territory and travel time are the dispatcher's judgement. To the same technician:
    no events. Raises NotFound, StaleVersion, IllegalTransition, NotBookable, SlotTaken (slots empty), AlreadyTraveling.
    """
    async with scheduling.database.transaction() as connection:
        resource = await catalog_store.resource(connection, technician_id)
        if resource is None:
            raise NotFound("technician")
        view = await locked_view(
            connection,
            appointment_id=appointment_id,
            version=version,
            now_s=now_s,
            technician_keys=(resource.key,),
        )
        old = view.appointment
        if old.status not in (Status.SCHEDULED, Status.TRAVELING):
            raise IllegalTransition(status=old.status, action="reassign")
        if resource.key == old.technician_key:
            return Change(view=view)
        if not resource.active:
            raise NotBookable("technician_inactive")
        if view.service.skill is not None and view.service.skill not in resource.skills:
            raise NotBookable("skill_missing")
        if old.status is Status.TRAVELING:
            await check_not_traveling(connection, resource.key)
        given = msgspec.structs.replace(
            old,
            version=old.version + 1,
            technician_key=resource.key,
            changed_s=max(now_s, old.changed_s),
        )
        after = msgspec.structs.replace(view, appointment=given, technician=technician_of(resource))
        event = AppointmentReassigned(
            view=after, actor=actor, device_s=now_s, server_s=now_s, old_technician=view.technician
        )
        await record_change(
            connection,
            before=old,
            after=given,
            action="reassign",
            actor=actor,
            device_s=now_s,
            server_s=now_s,
            facts={"old_technician": view.technician.id, "technician": resource.id},
        )
        await record_event(connection, event, rules=scheduling.rules)
    return Change(view=after, events=(event,))
