"""A place kept for some minutes while the customer decides: `/api/holds`."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import booking
from web.api.on_behalf import Customer, customer_of
from web.auth import require
from web.openapi import answer, decode_body, decode_query, endpoint, no_content, resource
from web.refusals import refusals
from web.state import state_of
from web.visibility import actor_of, visible_visit


class NewHold(msgspec.Struct):
    """`slot` is an id of `GET /api/slots`, unchanged. `moving` as there; `contact` is for staff."""

    slot: str
    service: str | None = None
    asset: str | None = None
    moving: str | None = None
    contact: str | None = None


class HoldJson(msgspec.Struct):
    """Nobody else can take the place until `expires_at`."""

    hold: str
    expires_at: str


class OfContact(msgspec.Struct):
    """`contact` is for staff: whose hold it is."""

    contact: str | None = None


@endpoint(
    "Keep a slot for some minutes",
    tag="Booking",
    body=NewHold,
    answers={201: HoldJson},
    problems=(
        "slot_taken",
        "invalid_slot",
        "not_found",
        "not_bookable",
        "too_many_holds",
        "illegal_transition",
        "past_cutoff",
        "self_scheduling_off",
        "account_inactive",
    ),
)
async def create_hold(request: Request) -> Response:
    principal = await require(request, "customer", "dispatcher")
    state = state_of(request)
    body = await decode_body(request, NewHold)
    if body.moving:
        visit = (await visible_visit(state, principal, body.moving)).appointment
        customer = Customer(visit.contact_id, visit.account_id, visit.site_id)
    else:
        customer = await customer_of(state, principal, body.contact)
    with refusals(state.settings):
        held = await booking.hold(
            state.booking,
            slot=body.slot,
            account_id=customer.account_id,
            contact_id=customer.contact_id,
            actor=actor_of(request, principal),
            service_id=body.service,
            asset_id=body.asset,
            moving=body.moving,
            switches=state.switches.for_slots(),
            now_s=state.now_s(),
        )
    return answer(HoldJson(held.id, datetime.fromtimestamp(held.expires_s, UTC).isoformat()), status=201)


@endpoint("Give a kept slot back", tag="Booking", query=OfContact, answers={204: None})
async def release_hold(request: Request) -> Response:
    principal = await require(request, "customer", "dispatcher")
    state = state_of(request)
    customer = await customer_of(state, principal, decode_query(request, OfContact).contact)
    await booking.release_hold(
        state.booking,
        hold_id=request.path_params["hold"],
        contact_id=customer.contact_id,
        now_s=state.now_s(),
    )
    return no_content()


routes = [resource("/api/holds", post=create_hold), resource("/api/holds/{hold}", delete=release_hold)]
