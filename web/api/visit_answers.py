"""Visits as answers: every endpoint that gives an appointment back gives it through here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from slots.model import AppointmentView, Status
from web.appointment_json import AppointmentJson, CustomerJson, Section, Viewer, appointment_json
from web.auth import Principal
from web.openapi import answer
from web.state import State, state_of
from web.versions import etag
from web.visibility import actor_of


def viewer_of(request: Request, principal: Principal) -> Viewer:
    state = state_of(request)
    return Viewer(
        actor=actor_of(request, principal),
        rules=state.booking.rules,
        switches=state.switches.for_slots(),
        settings=state.settings,
        now_s=state.now_s(),
        read_only=principal.role == "link",
    )


def visit_json(state: State, view: AppointmentView, viewer: Viewer, section: Section | None = None) -> AppointmentJson:
    """`section`: where it stands among the visits that it is told with; alone it stands where it was seen last."""
    told = state.node.eta(view.id) if view.status is Status.TRAVELING else None
    return appointment_json(
        view,
        viewer=viewer,
        section=section or state.bridge.home.section(view.appointment),
        eta_at=None if told is None else told.eta_at,
    )


def visit_answer(
    request: Request,
    principal: Principal,
    view: AppointmentView,
    *,
    status: int = 200,
    visits_before: int | None = None,
    customer: CustomerJson | None = None,
) -> Response:
    """The visit as JSON, with its version as `ETag`."""
    body = visit_json(state_of(request), view, viewer_of(request, principal))
    body.visits_before = visits_before
    body.customer = customer
    return answer(body, status=status, headers={"ETag": etag(view.version)})
