"""Who may see and change which visit. Unknown and foreign look exactly the same: `not_found`."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from slots import booking
from slots.errors import NotFound
from slots.model import Actor, AppointmentView
from web.auth import SESSION_COOKIE, Principal, authenticate_link, require
from web.catching_up import catch_up, shows_the_past
from web.problems import Problem
from web.state import State, state_of


def may_see(principal: Principal, view: AppointmentView) -> bool:
    """Staff see every visit, a customer those of their account, a technician those assigned to them, a link its one."""
    match principal.role:
        case "dispatcher" | "admin":
            return True
        case "customer":
            return principal.account_id is not None and view.appointment.account_id == principal.account_id
        case "technician":
            return principal.technician_id is not None and view.technician.id == principal.technician_id
        case "link":
            return view.id == principal.appointment_id
        case _:
            return False


async def visible_visit(state: State, principal: Principal, appointment_id: str) -> AppointmentView:
    """The visit, if this principal may see it. Problem `not_found` otherwise."""
    try:
        view = await booking.get(state.booking, appointment_id=appointment_id)
    except NotFound:
        view = None
    if view is None or not may_see(principal, view):
        raise Problem("not_found", "There is no such visit.")
    if shows_the_past(state, visit_id=view.id, version=view.appointment.version):
        # Nobody is shown a technician on the way to what they have just been told is planned, or over.
        await catch_up(state, view)
    return view


async def visit_to_look_at(connection: HTTPConnection, appointment_id: str) -> tuple[Principal, AppointmentView]:
    """The visit and who looks: the session first, then a tracking link that somebody signed in has opened.

    Problem `sign_in_required` without either, `not_found` when neither may see it.
    """
    state = state_of(connection)
    principal = await require(connection)
    by_link = await authenticate_link(connection) if principal.role != "link" else None
    if by_link is not None and by_link.appointment_id == appointment_id:
        try:
            return principal, await visible_visit(state, principal, appointment_id)
        except Problem:
            principal = by_link
    return principal, await visible_visit(state, principal, appointment_id)


def actor_of(connection: HTTPConnection, principal: Principal) -> Actor:
    """The principal as the history of a visit names them. A link acts for nobody; it only looks, as a customer does."""
    if principal.role == "link":
        return Actor(role="customer", id=f"link:{principal.session_id}", source="link")
    source = "web" if SESSION_COOKIE in connection.cookies else "api"
    return Actor(role=principal.role, id=principal.person_id or "", source=source)  # type: ignore[arg-type]
