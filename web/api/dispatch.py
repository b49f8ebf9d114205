"""What a dispatcher decides: who goes, what is booked on a customer's behalf, what is switched on.

Moving and canceling on behalf are the customer's own endpoints: a dispatcher may use them on every visit.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import booking
from web import accounts_store
from web.api.appointments import BOOKING_PROBLEMS, NewAppointment, book_for
from web.api.visit_answers import visit_answer
from web.appointment_json import AppointmentJson
from web.auth import require
from web.openapi import answer, decode_body, endpoint, resource
from web.refusals import refusals
from web.state import state_of
from web.switches import SwitchChange, SwitchValues
from web.versions import expected_version
from web.visibility import actor_of, visible_visit


class Reassignment(msgspec.Struct):
    """`technician` is the id of who goes now."""

    technician: str


class CustomerContact(msgspec.Struct):
    """Somebody of an account; `signs_in`: they have chosen a password."""

    id: str
    email: str
    name: str
    phone: str | None
    signs_in: bool


class CustomerAccount(msgspec.Struct):
    """An account with its contacts, oldest first."""

    id: str
    name: str
    status: str
    site: str | None
    contacts: list[CustomerContact]


class Customers(msgspec.Struct):
    """Every account, by name."""

    accounts: list[CustomerAccount]


@endpoint(
    "Give a visit to another technician",
    tag="Dispatch",
    body=Reassignment,
    answers={200: AppointmentJson},
    headers={"If-Match": "The ETag of the visit as it was shown; 412 when somebody changed it meanwhile"},
    problems=(
        "not_found",
        "stale_version",
        "illegal_transition",
        "not_bookable",
        "slot_taken",
        "already_traveling",
    ),
)
async def reassign(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    state = state_of(request)
    body = await decode_body(request, Reassignment)
    view = await visible_visit(state, principal, request.path_params["appointment"])
    version = expected_version(request, view.version)
    await state.bridge.prepare(body.technician)
    with refusals(state.settings):
        change = await booking.reassign(
            state.booking,
            appointment_id=view.id,
            technician_id=body.technician,
            version=version,
            actor=actor_of(request, principal),
            now_s=state.now_s(),
        )
        await state.bridge.announce(change.events)
    return visit_answer(request, principal, change.view)


@endpoint(
    "Book on a customer's behalf",
    tag="Dispatch",
    body=NewAppointment,
    answers={201: AppointmentJson},
    headers={"Idempotency-Key": "The same key makes a repeated request the same appointment"},
    problems=(*BOOKING_PROBLEMS, "contact_unknown"),
)
async def book_on_behalf(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    return await book_for(request, principal, await decode_body(request, NewAppointment))


@endpoint("Accounts and their contacts", tag="Dispatch", answers={200: Customers})
async def list_customers(request: Request) -> Response:
    await require(request, "dispatcher")
    async with state_of(request).database.read() as conn:
        accounts = await accounts_store.accounts_listed(conn)
        people = await accounts_store.people_listed(conn)
    by_account: dict[str, list[CustomerContact]] = {}
    for person in people:
        if person.account_id is None:
            continue
        by_account.setdefault(person.account_id, []).append(
            CustomerContact(person.id, person.email, person.name, person.phone, person.password_hash is not None)
        )
    return answer(
        Customers(
            [
                CustomerAccount(
                    account.id, account.name, account.status, account.site_id, by_account.get(account.id, [])
                )
                for account in accounts
            ]
        )
    )


@endpoint("The installation's switches", tag="Dispatch", answers={200: SwitchValues})
async def read_switches(request: Request) -> Response:
    await require(request, "dispatcher")
    return answer(state_of(request).switches.values)


@endpoint("Switch something on or off", tag="Dispatch", body=SwitchChange, answers={200: SwitchValues})
async def change_switches(request: Request) -> Response:
    await require(request, "dispatcher")
    state = state_of(request)
    body = await decode_body(request, SwitchChange)
    return answer(await state.switches.change(state.database, body))


routes = [
    resource("/api/dispatch/appointments", post=book_on_behalf),
    resource("/api/dispatch/appointments/{appointment}/reassign", post=reassign),
    resource("/api/dispatch/customers", get=list_customers),
    resource("/api/dispatch/switches", get=read_switches, put=change_switches),
]
