"""Finding a place and keeping it for minutes: offer, hold, release_hold."""

from __future__ import annotations

import datetime
import secrets

from slots import appointment_store, hold_store
from slots.booking.explaining import empty_reasons
from slots.booking.finding import (
    Wish,
    check_free,
    check_same,
    check_same_work,
    find_slots,
    fresh_slots,
    load_question_of_account,
    make_slot,
    wish_of_slot,
)
from slots.booking.recording import locked_view
from slots.booking.scheduling import Scheduling
from slots.booking.traveling import with_travel_known
from slots.errors import NotFound, SelfSchedulingOff, SlotTaken, TooManyHolds
from slots.model import ALL_ON, Actor, Hold, Offer, Slot, SlotDay, Switches
from slots.policy import check_move
from slots.slot_id import decode_slot, hold_id
from slots.store import again_if_undone


async def offer(
    scheduling: Scheduling,
    *,
    account_id: str,
    service_id: str,
    site_id: str | None,
    asset_id: str | None = None,
    first_day: datetime.date,
    last_day: datetime.date,
    moving: str | None = None,
    now_s: int,
) -> Offer:
    """Bookable slots of every local day of the site from `first_day` to `last_day`, both included.

    The asset's site wins over `site_id` (the account's default). `moving` leaves that visit out of the conflicts; it
    must be the account's. Days without slots say why. Raises NotFound, InvalidRange, NotBookable (service disabled).
    """
    async with scheduling.database.read() as connection:
        question = await load_question_of_account(
            scheduling,
            connection,
            account_id=account_id,
            service_id=service_id,
            site_id=site_id,
            asset_id=asset_id,
            first_day=first_day,
            last_day=last_day,
            moving=moving,
            now_s=now_s,
        )
    found = await find_slots(scheduling, question)
    empty = question.days - {day for day, _ in found}
    reasons = await empty_reasons(scheduling, question, empty, now_s=now_s)
    by_day: dict[datetime.date, list[Slot]] = {day: [] for day in sorted(question.days)}
    for day, slot in found:
        by_day[day].append(slot)
    return Offer(
        time_zone=question.wish.site.time_zone,
        site_id=question.wish.site.id,
        days=tuple(SlotDay(date=day, slots=tuple(slots), reason=reasons.get(day)) for day, slots in by_day.items()),
    )


@with_travel_known
@again_if_undone
async def hold(
    scheduling: Scheduling,
    *,
    slot: str,
    account_id: str,
    contact_id: str,
    actor: Actor,
    service_id: str | None = None,
    asset_id: str | None = None,
    moving: str | None = None,
    switches: Switches = ALL_ON,
    now_s: int,
) -> Hold:
    """Keep the slot for `rules.hold_s`. `service_id` and `asset_id`, if given, must be those of the slot.

    `moving`: the visit that is to be moved there; it must be one that may be moved now, to a slot of the same work.
    Raises InvalidSlot, NotFound, NotBookable, SlotTaken, TooManyHolds, SelfSchedulingOff, and for `moving`
    IllegalTransition, PastCutoff (customers only).
    """
    key = decode_slot(slot)
    check_same(key, service_id=service_id, asset_id=asset_id)
    if actor.is_customer and not switches.self_scheduling:
        raise SelfSchedulingOff
    rules = scheduling.rules
    wish: Wish | None = None
    try:
        async with scheduling.database.transaction() as connection:
            wish = await wish_of_slot(connection, key, account_id=account_id, also_disabled=moving is not None)
            if moving is not None:
                visit = await appointment_store.view(connection, moving)
                if visit is None or visit.appointment.account_id != account_id:
                    raise NotFound("visit")
            wanted = make_slot(wish, technician_key=key.technician_key, start_s=key.start_s, rules=rules)
            kept = Hold(
                id=hold_id(secrets.token_urlsafe(18), slot=wanted.id),
                holder_id=contact_id,
                service_id=wanted.service_id,
                site_id=wanted.site_id,
                asset_id=wanted.asset_id,
                technician_key=wanted.technician_key,
                start_s=wanted.start_s,
                end_s=wanted.end_s,
                window_start_s=wanted.window_start_s,
                window_end_s=wanted.window_end_s,
                expires_s=now_s + rules.hold_s,
                moving_id=moving,
            )
            keys = (key.technician_key,)
            if moving is None:
                await appointment_store.lock_technicians(connection, keys)
                await hold_store.purge_expired(connection, technician_keys=keys, now_s=now_s)
            else:
                # Of two holds for one visit each gives the other's place back: in turn, or they wait for each other.
                view = await locked_view(
                    connection, appointment_id=moving, version=None, now_s=now_s, technician_keys=keys
                )
                check_move(view.appointment, actor=actor, rules=rules, switches=switches, now_s=now_s)
                check_same_work(key, view.appointment)
                # Looking at another place for the same visit gives the earlier one back.
                await hold_store.remove_holds_for_moving(connection, moving)
            if await hold_store.count_of_holder(connection, contact_id, now_s=now_s) >= rules.max_holds:
                raise TooManyHolds(rules.max_holds)
            await check_free(
                scheduling,
                connection,
                wish,
                technician_key=key.technician_key,
                start_s=key.start_s,
                now_s=now_s,
                moving=moving,
            )
            await hold_store.insert_hold(connection, kept)
    except SlotTaken:
        if wish is None:
            raise
        fresh = await fresh_slots(scheduling, wish, around_s=key.start_s, moving=moving, now_s=now_s)
        raise SlotTaken(fresh) from None
    return kept


@again_if_undone
async def release_hold(scheduling: Scheduling, *, hold_id: str, contact_id: str, now_s: int) -> None:
    """Give the place back. A hold that is gone or not theirs is no error: the wish is fulfilled."""
    async with scheduling.database.transaction() as connection:
        await hold_store.remove_hold(connection, hold_id=hold_id, holder_id=contact_id)
