"""Taking a place for good: book, and move. Each is one transaction; whoever loses gets fresh slots."""

from __future__ import annotations

import hashlib
import secrets

import msgspec

from slots import appointment_store, hold_store
from slots.booking.finding import (
    Wish,
    check_free,
    check_same,
    check_same_work,
    fresh_slots,
    make_slot,
    wish_of_slot,
)
from slots.booking.recording import locked_view, record_change, record_event
from slots.booking.scheduling import Change, Scheduling
from slots.booking.traveling import with_travel_known
from slots.errors import (
    DetailsTooLong,
    HoldExpired,
    IdempotencyConflict,
    InvalidSlot,
    SelfSchedulingOff,
    SlotTaken,
)
from slots.events import AppointmentBooked, AppointmentMoved
from slots.model import (
    ALL_ON,
    Actor,
    Appointment,
    AppointmentView,
    Resource,
    Status,
    Switches,
    Technician,
)
from slots.policy import check_move
from slots.slot_id import SlotKey, decode_slot, slot_of_hold
from slots.store import Connection, again_if_undone

MAX_DETAILS = 2000


@with_travel_known
@again_if_undone
async def book(
    scheduling: Scheduling,
    *,
    account_id: str,
    contact_id: str,
    actor: Actor,
    hold: str | None = None,
    slot: str | None = None,
    service_id: str | None = None,
    asset_id: str | None = None,
    details: str = "",
    idempotency_key: str | None = None,
    switches: Switches = ALL_ON,
    now_s: int,
) -> Change:
    """Book a hold, or a slot in one step; exactly one of the two. Everything is checked again in one transaction.

    The same `idempotency_key` of the same contact gives the same appointment again, without events.
    Raises HoldExpired, SlotTaken (both with fresh slots), InvalidSlot, NotFound, NotBookable, DetailsTooLong,
    IdempotencyConflict, SelfSchedulingOff.
    """
    if (hold is None) == (slot is None):
        raise InvalidSlot
    if len(details) > MAX_DETAILS:
        raise DetailsTooLong(length=len(details), limit=MAX_DETAILS)
    key = decode_slot(slot) if slot is not None else _slot_kept_by(hold)
    check_same(key, service_id=service_id, asset_id=asset_id)
    if actor.is_customer and not switches.self_scheduling:
        raise SelfSchedulingOff
    fingerprint = _fingerprint(hold, slot, service_id, asset_id, details)
    visit_id = secrets.token_urlsafe(18)
    wish: Wish | None = None
    try:
        async with scheduling.database.transaction() as connection:
            if idempotency_key is not None:
                before = await hold_store.use_key(
                    connection,
                    contact_id=contact_id,
                    key=idempotency_key,
                    fingerprint=fingerprint,
                    appointment_id=visit_id,
                    now_s=now_s,
                )
                if before is not None:
                    return await _booked_before(connection, before, fingerprint=fingerprint)
            keys = (key.technician_key,)
            await appointment_store.lock_technicians(connection, keys)
            kept = await hold_store.hold(connection, hold) if hold is not None else None
            if kept is not None and kept.holder_id != contact_id:
                raise HoldExpired  # somebody else's: as if it had never been
            wish = await wish_of_slot(connection, key, account_id=account_id)
            lead_from_s = now_s
            if hold is not None:
                if kept is None or kept.expires_s <= now_s or kept.moving_id is not None:
                    raise HoldExpired
                lead_from_s = kept.expires_s - scheduling.rules.hold_s  # the place was kept in time
                await hold_store.remove_hold(connection, hold_id=hold, holder_id=contact_id)
            await hold_store.purge_expired(connection, technician_keys=keys, now_s=now_s)
            resource = await check_free(
                scheduling,
                connection,
                wish,
                technician_key=key.technician_key,
                start_s=key.start_s,
                now_s=now_s,
                lead_from_s=min(now_s, lead_from_s),
            )
            place = make_slot(wish, technician_key=resource.key, start_s=key.start_s, rules=scheduling.rules)
            visit = Appointment(
                id=visit_id,
                version=1,
                status=Status.SCHEDULED,
                account_id=account_id,
                contact_id=contact_id,
                service_id=place.service_id,
                site_id=place.site_id,
                asset_id=place.asset_id,
                technician_key=place.technician_key,
                start_s=place.start_s,
                end_s=place.end_s,
                window_start_s=place.window_start_s,
                window_end_s=place.window_end_s,
                created_s=now_s,
                changed_s=now_s,
                details=details,
            )
            view = AppointmentView(
                appointment=visit,
                site=wish.site,
                service=wish.service,
                asset=wish.asset,
                technician=technician_of(resource),
            )
            event = AppointmentBooked(view=view, actor=actor, device_s=now_s, server_s=now_s)
            await record_change(
                connection,
                before=None,
                after=visit,
                action="book",
                actor=actor,
                device_s=now_s,
                server_s=now_s,
                facts={"start_s": visit.start_s, "technician": resource.id},
            )
            await record_event(connection, event, rules=scheduling.rules)
    except (SlotTaken, HoldExpired) as lost:
        if wish is None:
            raise
        fresh = await fresh_slots(scheduling, wish, around_s=key.start_s, moving=None, now_s=now_s)
        raise type(lost)(fresh) from None
    return Change(view=view, events=(event,))


@with_travel_known
@again_if_undone
async def move(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    slot: str,
    version: int | None,
    actor: Actor,
    switches: Switches = ALL_ON,
    now_s: int,
) -> Change:
    """Take the new place and release the old one in one transaction; a failed move leaves the old place untouched.

    `version` None skips the check of If-Match. Raises StaleVersion, IllegalTransition, PastCutoff (customers only),
    SlotTaken, InvalidSlot, NotFound, NotBookable, SelfSchedulingOff (customers only).
    """
    key = decode_slot(slot)
    rules = scheduling.rules
    wish: Wish | None = None
    try:
        async with scheduling.database.transaction() as connection:
            view = await locked_view(
                connection,
                appointment_id=appointment_id,
                version=version,
                now_s=now_s,
                technician_keys=(key.technician_key,),
            )
            old = view.appointment
            check_move(old, actor=actor, rules=rules, switches=switches, now_s=now_s)
            check_same_work(key, old)
            if (key.technician_key, key.start_s) == (old.technician_key, old.start_s):
                return Change(view=view)
            wish = Wish(service=view.service, site=view.site, asset=view.asset)
            await hold_store.remove_holds_for_moving(connection, old.id)
            resource = await check_free(
                scheduling,
                connection,
                wish,
                technician_key=key.technician_key,
                start_s=key.start_s,
                now_s=now_s,
                moving=old.id,
            )
            place = make_slot(wish, technician_key=resource.key, start_s=key.start_s, rules=rules)
            moved = msgspec.structs.replace(
                old,
                version=old.version + 1,
                technician_key=place.technician_key,
                start_s=place.start_s,
                end_s=place.end_s,
                window_start_s=place.window_start_s,
                window_end_s=place.window_end_s,
                changed_s=max(now_s, old.changed_s),
            )
            after = msgspec.structs.replace(view, appointment=moved, technician=technician_of(resource))
            event = AppointmentMoved(
                view=after,
                actor=actor,
                device_s=now_s,
                server_s=now_s,
                old_start_s=old.start_s,
                old_window_start_s=old.window_start_s,
                old_window_end_s=old.window_end_s,
                old_technician=view.technician,
            )
            await record_change(
                connection,
                before=old,
                after=moved,
                action="move",
                actor=actor,
                device_s=now_s,
                server_s=now_s,
                facts={
                    "old_start_s": old.start_s,
                    "start_s": moved.start_s,
                    "old_technician": view.technician.id,
                    "technician": resource.id,
                },
            )
            await record_event(connection, event, rules=rules)
    except SlotTaken:
        if wish is None:
            raise
        fresh = await fresh_slots(scheduling, wish, around_s=key.start_s, moving=appointment_id, now_s=now_s)
        raise SlotTaken(fresh) from None
    return Change(view=after, events=(event,))


def technician_of(resource: Resource) -> Technician:
    return Technician(key=resource.key, id=resource.id, name=resource.name, phone=resource.phone, photo=resource.photo)


def _slot_kept_by(hold: str | None) -> SlotKey:
    try:
        return slot_of_hold(hold or "")
    except InvalidSlot:
        raise HoldExpired from None


def _fingerprint(*parts: str | None) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


async def _booked_before(connection: Connection, before: hold_store.BookedBefore, *, fingerprint: str) -> Change:
    if before.fingerprint != fingerprint or before.appointment_id is None:
        raise IdempotencyConflict
    view = await appointment_store.view(connection, before.appointment_id)
    if view is None:
        raise IdempotencyConflict
    return Change(view=view)
