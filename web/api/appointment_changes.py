"""Changing a visit: move, cancel, feedback. `If-Match` is honoured by each of them."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import booking
from web.api.visit_answers import visit_answer
from web.appointment_json import AppointmentJson
from web.auth import require
from web.device_time import DeviceTime, seconds_of
from web.openapi import decode_body, endpoint, resource
from web.refusals import refusals
from web.state import state_of
from web.versions import expected_version
from web.visibility import actor_of, visible_visit

IF_MATCH = {"If-Match": "The ETag of the visit as it was shown; 412 when somebody changed it meanwhile"}
CHANGE_PROBLEMS = ("not_found", "stale_version", "illegal_transition")


class Move(msgspec.Struct):
    """`slot` is an id of `GET /api/slots?moving=…`, unchanged."""

    slot: str


class Cancellation(msgspec.Struct):
    """`reason`: 1 to 500 characters. `at`: when it happened by the device, as for the other changes of state."""

    reason: str
    at: DeviceTime | None = None


class Feedback(msgspec.Struct):
    """`rating` 1 to 5; a comment of at most 2000 characters."""

    rating: int
    comment: str = ""


@endpoint(
    "Move a visit to another time",
    tag="Booking",
    body=Move,
    answers={200: AppointmentJson},
    headers=IF_MATCH,
    problems=(
        *CHANGE_PROBLEMS,
        "slot_taken",
        "invalid_slot",
        "not_bookable",
        "past_cutoff",
        "self_scheduling_off",
    ),
)
async def move_appointment(request: Request) -> Response:
    principal = await require(request, "customer", "dispatcher")
    state = state_of(request)
    body = await decode_body(request, Move)
    view = await visible_visit(state, principal, request.path_params["appointment"])
    version = expected_version(request, view.version)
    with refusals(state.settings):
        change = await booking.move(
            state.booking,
            appointment_id=view.id,
            slot=body.slot,
            version=version,
            actor=actor_of(request, principal),
            switches=state.switches.for_slots(),
            now_s=state.now_s(),
        )
        await state.bridge.announce(change.events)
    return visit_answer(request, principal, change.view)


@endpoint(
    "Cancel a visit",
    tag="Booking",
    body=Cancellation,
    answers={200: AppointmentJson},
    headers=IF_MATCH,
    problems=(
        *CHANGE_PROBLEMS,
        "reason_required",
        "reason_too_long",
        "past_cutoff",
        "cancel_while_traveling_forbidden",
    ),
)
async def cancel_appointment(request: Request) -> Response:
    principal = await require(request, "customer", "technician", "dispatcher")
    state = state_of(request)
    body = await decode_body(request, Cancellation)
    view = await visible_visit(state, principal, request.path_params["appointment"])
    version = expected_version(request, view.version)
    with refusals(state.settings):
        change = await booking.cancel(
            state.booking,
            appointment_id=view.id,
            reason=body.reason,
            version=version,
            actor=actor_of(request, principal),
            # A customer's own clock must not reach behind a cut-off.
            at_s=None if principal.role == "customer" else seconds_of(body.at),
            now_s=state.now_s(),
        )
        await state.bridge.announce(change.events)
    return visit_answer(request, principal, change.view)


@endpoint(
    "Rate a completed visit",
    tag="Booking",
    body=Feedback,
    answers={200: AppointmentJson},
    headers=IF_MATCH,
    problems=(*CHANGE_PROBLEMS, "invalid_rating", "comment_too_long", "rating_closed", "surveys_off"),
)
async def rate_appointment(request: Request) -> Response:
    principal = await require(request, "customer")
    state = state_of(request)
    body = await decode_body(request, Feedback)
    view = await visible_visit(state, principal, request.path_params["appointment"])
    version = expected_version(request, view.version)
    with refusals(state.settings):
        change = await booking.rate(
            state.booking,
            appointment_id=view.id,
            rating=body.rating,
            comment=body.comment,
            actor=actor_of(request, principal),
            version=version,
            switches=state.switches.for_slots(),
            now_s=state.now_s(),
        )
        await state.bridge.announce(change.events)
    return visit_answer(request, principal, change.view)


routes = [
    resource("/api/appointments/{appointment}/move", post=move_appointment),
    resource("/api/appointments/{appointment}/cancel", post=cancel_appointment),
    resource("/api/appointments/{appointment}/feedback", post=rate_appointment),
]
