"""Times that can be booked, day by day, and why there are none: `/api/slots`."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import booking, catalog_store
from web.api.on_behalf import Customer, customer_of, require_self_scheduling
from web.appointment_json import SlotJson, slot_json
from web.auth import Principal, require
from web.empty_days import DayExplanationJson, EmptyDayJson, empty_day_json, explanation_json
from web.openapi import answer, decode_query, endpoint, resource
from web.problems import Problem
from web.refusals import refusals
from web.state import State, state_of
from web.visibility import actor_of, visible_visit


class SlotQuery(msgspec.Struct):
    """`from` and `to` are local days of the site, both included; without them: from today to the horizon.

    `moving` names a visit whose own place does not count as taken; its service, asset and site hold then.
    """

    service: str | None = None
    asset: str | None = None
    first_day: datetime.date | None = msgspec.field(default=None, name="from")
    last_day: datetime.date | None = msgspec.field(default=None, name="to")
    moving: str | None = None
    contact: str | None = None


class SlotDayJson(msgspec.Struct):
    """One local day of the site; `empty` says why it has no slots, null where it has some."""

    date: str
    slots: list[SlotJson]
    empty: EmptyDayJson | None


class Slots(msgspec.Struct):
    """Every day asked for, in order."""

    time_zone: str
    days: list[SlotDayJson]


class Explanation(msgspec.Struct):
    """Every day asked for, in order, with and without slots."""

    days: list[DayExplanationJson]


@endpoint(
    "Bookable arrival windows",
    tag="Booking",
    query=SlotQuery,
    answers={200: Slots},
    problems=("not_found", "self_scheduling_off", "not_bookable", "invalid_range", "account_inactive"),
)
async def list_slots(request: Request) -> Response:
    principal = await require(request, "customer", "dispatcher")
    state = state_of(request)
    wanted = await wanted_slots(request, principal)
    with refusals(state.settings):
        offer = await booking.offer(state.booking, **msgspec.structs.asdict(wanted), now_s=state.now_s())
    days = [
        SlotDayJson(day.date.isoformat(), [slot_json(slot) for slot in day.slots], empty_day_json(day.reason))
        for day in offer.days
    ]
    return answer(Slots(offer.time_zone, days))


class WantedSlots(msgspec.Struct, frozen=True):
    """A SlotQuery with everything that it leaves open filled in."""

    account_id: str
    service_id: str
    site_id: str | None
    asset_id: str | None
    first_day: datetime.date
    last_day: datetime.date
    moving: str | None


async def wanted_slots(request: Request, principal: Principal) -> WantedSlots:
    """What the query of this request asks for, as this person may ask it.

    Problems `not_found`, `self_scheduling_off`, `account_inactive`, `contact_unknown`, `invalid`.
    """
    state = state_of(request)
    query = decode_query(request, SlotQuery)
    require_self_scheduling(state, actor_of(request, principal))
    service, asset = query.service, query.asset or None
    if query.moving:
        view = await visible_visit(state, principal, query.moving)
        visit = view.appointment
        customer = Customer(visit.contact_id, visit.account_id, visit.site_id)
        service, asset = service or visit.service_id, asset or visit.asset_id
    else:
        customer = await customer_of(state, principal, query.contact)
    if not service:
        raise Problem("invalid", "Say which service: ?service=ID.", field="service")
    first_day = query.first_day or await _today(state, customer.site_id)
    last_day = query.last_day or _horizon(first_day, days=state.settings.horizon_days)
    return WantedSlots(
        account_id=customer.account_id,
        service_id=service,
        site_id=customer.site_id,
        asset_id=asset,
        first_day=first_day,
        last_day=last_day,
        moving=query.moving or None,
    )


@endpoint(
    "Why days have no slots",
    tag="Dispatch",
    query=SlotQuery,
    answers={200: Explanation},
    problems=("not_found", "not_bookable", "invalid_range", "account_inactive", "contact_unknown"),
)
async def explain_slots(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    state = state_of(request)
    wanted = await wanted_slots(request, principal)
    with refusals(state.settings):
        days = await booking.explain(state.booking, **msgspec.structs.asdict(wanted), now_s=state.now_s())
    return answer(Explanation([explanation_json(day) for day in days]))


def _horizon(first_day: datetime.date, *, days: int) -> datetime.date:
    try:
        return first_day + datetime.timedelta(days=days - 1)
    except OverflowError:
        return datetime.date.max


async def _today(state: State, site_id: str | None) -> datetime.date:
    async with state.database.read() as conn:
        site = await catalog_store.site(conn, site_id) if site_id else None
    zone = ZoneInfo(site.time_zone) if site else datetime.UTC
    return datetime.datetime.fromtimestamp(state.now_s(), zone).date()


routes = [
    resource("/api/slots", get=list_slots),
    resource("/api/dispatch/slots/explanation", get=explain_slots),
]
