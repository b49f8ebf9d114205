"""What becomes of a visit: cancel, travel, undo, start, complete.

A change of state comes with the time of the device that made it. One that is older than the newest change is kept in
the history at its place and has no effect; a repeated one leaves no trace. Both give a Change without events.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from slots import appointment_store, hold_store
from slots.booking.recording import check_not_traveling, locked_view, record_change, record_event
from slots.booking.scheduling import Change, Scheduling
from slots.errors import ReasonRequired, ReasonTooLong
from slots.events import (
    AppointmentCanceled,
    AppointmentCompleted,
    Event,
    TravelStarted,
    TravelUndone,
    WorkStarted,
)
from slots.lifecycle import Action, Effect, judge, next_status, settle_time
from slots.model import Actor, Appointment, AppointmentView, Status
from slots.policy import check_cancel, is_offered_again
from slots.store import Connection, again_if_undone

MAX_REASON = 500

_EVENTS: dict[Action, type[Event]] = {
    Action.TRAVEL: TravelStarted,
    Action.UNDO: TravelUndone,
    Action.START: WorkStarted,
    Action.COMPLETE: AppointmentCompleted,
}


@again_if_undone
async def cancel(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    reason: str,
    version: int | None,
    actor: Actor,
    at_s: int | None = None,
    technician_id: str | None = None,
    now_s: int,
) -> Change:
    """Keep the visit as Canceled, free its place, let its pending messages die.

    `at_s`: the device's time, for a technician's change that may arrive late. Raises ReasonRequired, ReasonTooLong
    (over 500), StaleVersion, IllegalTransition, PastCutoff, CancelWhileTravelingForbidden (the last two: customers).
    """
    reason = reason.strip()
    if not reason:
        raise ReasonRequired
    if len(reason) > MAX_REASON:
        raise ReasonTooLong(length=len(reason), limit=MAX_REASON)
    rules = scheduling.rules
    async with scheduling.database.transaction() as connection:
        view = await locked_view(
            connection,
            appointment_id=appointment_id,
            version=version,
            now_s=now_s,
            technician_id=technician_id,
        )
        old = view.appointment
        device_s = settle_time(at_s, now_s=now_s)
        effect = await _judge(connection, old, Action.CANCEL, device_s)
        if effect is not Effect.APPLIED:
            return await _without_effect(
                connection, view, effect, Action.CANCEL, actor, device_s, now_s, {"reason": reason}
            )
        check_cancel(old, actor=actor, rules=rules, now_s=now_s)
        was_traveling = old.status is Status.TRAVELING
        late = was_traveling and actor.is_customer
        canceled = msgspec.structs.replace(
            old,
            version=old.version + 1,
            status=next_status(old.status, Action.CANCEL),
            changed_s=device_s,
            canceled_s=device_s,
            canceled_by=actor.id,
            canceled_role=actor.role,
            cancel_reason=reason,
            late_cancel=late,
        )
        after = msgspec.structs.replace(view, appointment=canceled)
        event = AppointmentCanceled(
            view=after,
            actor=actor,
            device_s=device_s,
            server_s=now_s,
            reason=reason,
            late=late,
            was_traveling=was_traveling,
            offer_again=is_offered_again(canceled),
        )
        await record_change(
            connection,
            before=old,
            after=canceled,
            action=Action.CANCEL.value,
            actor=actor,
            device_s=device_s,
            server_s=now_s,
            facts={"reason": reason},
        )
        await record_event(connection, event, rules=rules)
        await hold_store.remove_holds_for_moving(connection, old.id)
    return Change(view=after, events=(event,))


async def travel(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    actor: Actor,
    version: int | None = None,
    at_s: int | None = None,
    technician_id: str | None = None,
    now_s: int,
) -> Change:
    """Scheduled → Traveling. Raises NotFound, StaleVersion, IllegalTransition, AlreadyTraveling.

    `at_s`: the device's time. A change older than the newest one is kept in the history and has no effect (a Change
    without events); a repeated one likewise.
    """
    return await _change_state(
        scheduling,
        Action.TRAVEL,
        appointment_id=appointment_id,
        actor=actor,
        version=version,
        at_s=at_s,
        technician_id=technician_id,
        now_s=now_s,
    )


async def undo(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    actor: Actor,
    version: int | None = None,
    at_s: int | None = None,
    technician_id: str | None = None,
    now_s: int,
) -> Change:
    """Traveling → Scheduled. Errors and `at_s` as in `travel`."""
    return await _change_state(
        scheduling,
        Action.UNDO,
        appointment_id=appointment_id,
        actor=actor,
        version=version,
        at_s=at_s,
        technician_id=technician_id,
        now_s=now_s,
    )


async def start(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    actor: Actor,
    version: int | None = None,
    at_s: int | None = None,
    technician_id: str | None = None,
    now_s: int,
) -> Change:
    """Traveling → In Progress. Errors and `at_s` as in `travel`."""
    return await _change_state(
        scheduling,
        Action.START,
        appointment_id=appointment_id,
        actor=actor,
        version=version,
        at_s=at_s,
        technician_id=technician_id,
        now_s=now_s,
    )


async def complete(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    actor: Actor,
    version: int | None = None,
    at_s: int | None = None,
    technician_id: str | None = None,
    now_s: int,
) -> Change:
    """In Progress → Completed. Errors and `at_s` as in `travel`."""
    return await _change_state(
        scheduling,
        Action.COMPLETE,
        appointment_id=appointment_id,
        actor=actor,
        version=version,
        at_s=at_s,
        technician_id=technician_id,
        now_s=now_s,
    )


@again_if_undone
async def _change_state(
    scheduling: Scheduling,
    action: Action,
    *,
    appointment_id: str,
    actor: Actor,
    version: int | None,
    at_s: int | None,
    technician_id: str | None,
    now_s: int,
) -> Change:
    async with scheduling.database.transaction() as connection:
        view = await locked_view(
            connection,
            appointment_id=appointment_id,
            version=version,
            now_s=now_s,
            technician_id=technician_id,
        )
        old = view.appointment
        device_s = settle_time(at_s, now_s=now_s)
        effect = await _judge(connection, old, action, device_s)
        if effect is not Effect.APPLIED:
            return await _without_effect(connection, view, effect, action, actor, device_s, now_s, {})
        if action is Action.TRAVEL:
            await check_not_traveling(connection, old.technician_key)
        changed = msgspec.structs.replace(
            old,
            version=old.version + 1,
            status=next_status(old.status, action),
            changed_s=device_s,
            **_moment(action, device_s),
        )
        after = msgspec.structs.replace(view, appointment=changed)
        event = _EVENTS[action](view=after, actor=actor, device_s=device_s, server_s=now_s)
        await record_change(
            connection,
            before=old,
            after=changed,
            action=action.value,
            actor=actor,
            device_s=device_s,
            server_s=now_s,
        )
        await record_event(connection, event, rules=scheduling.rules)
        # Only a Scheduled visit can be moved: a place kept for moving this one is free for others at once.
        await hold_store.remove_holds_for_moving(connection, old.id)
    return Change(view=after, events=(event,))


def _moment(action: Action, at_s: int) -> dict[str, int | None]:
    match action:
        case Action.TRAVEL:
            return {"traveling_s": at_s}
        case Action.UNDO:
            return {"traveling_s": None}
        case Action.START:
            return {"started_s": at_s}
        case _:
            return {"completed_s": at_s}


async def _judge(connection: Connection, visit: Appointment, action: Action, device_s: int) -> Effect:
    earlier = await appointment_store.changes(connection, visit.id)
    return judge(
        status=visit.status,
        action=action,
        at_s=device_s,
        # Nothing can come before the booking: a phone that says so has a slow clock, not a late message.
        newest_s=max((change.device_s for change in earlier if change.applied and change.action != "book"), default=0),
        earlier=((change.action, change.device_s) for change in earlier),
    )


async def _without_effect(
    connection: Connection,
    view: AppointmentView,
    effect: Effect,
    action: Action,
    actor: Actor,
    device_s: int,
    now_s: int,
    facts: Mapping[str, str | int | None],
) -> Change:
    if effect is Effect.LATE:
        await record_change(
            connection,
            before=view.appointment,
            after=view.appointment,
            action=action.value,
            actor=actor,
            device_s=device_s,
            server_s=now_s,
            facts=facts,
            applied=False,
        )
    return Change(view=view)
