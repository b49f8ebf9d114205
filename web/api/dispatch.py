"""What a dispatcher decides: who goes, what is booked on a customer's behalf, what is switched on, what is imported.

Moving and canceling on behalf are the customer's own endpoints: a dispatcher may use them on every visit.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import booking
from web import accounts_store
from web.accounts import end_outdated_watches
from web.accounts_store import EmailTaken
from web.api.appointments import BOOKING_PROBLEMS, NewAppointment, book_for
from web.api.visit_answers import visit_answer
from web.appointment_json import AppointmentJson
from web.auth import require
from web.import_entries import ImportProblem
from web.import_plan import ImportPlan
from web.import_rows import ImportFile
from web.importer import apply_import, plan_for
from web.openapi import answer, decode_body, decode_query, endpoint, resource
from web.problems import Problem
from web.refusals import refusals
from web.state import state_of
from web.switches import SwitchChange, SwitchValues
from web.versions import expected_version
from web.visibility import actor_of, visible_visit

# A large company's set-up: ten thousand rows of some hundred bytes, with room for polygons.
IMPORT_MAX_BYTES = 32 * 2**20


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


class ImportQuery(msgspec.Struct):
    """`dry_run`: check everything, write nothing."""

    dry_run: bool = False


class Imported(msgspec.Struct):
    """Rows per list. Rows that are there already count too, though nothing was written for them."""

    dry_run: bool
    rows: dict[str, int]


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


@endpoint(
    "Import accounts, sites, technicians and the rest",
    tag="Dispatch",
    body=ImportFile,
    query=ImportQuery,
    answers={200: Imported},
    problems=("import_refused",),
)
async def import_rows(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    state = state_of(request)
    query = decode_query(request, ImportQuery)
    data = await decode_body(request, object)
    plan = await plan_for(state.database, data)
    if principal.role != "admin" and (plan.staff or any(row.password for row in plan.contacts)):
        raise Problem("forbidden", "Only an admin imports staff and passwords.")
    _refuse(plan)
    if not query.dry_run:
        with refusals(state.settings):
            try:
                await apply_import(state, plan)
            except EmailTaken as error:
                raise Problem("import_refused", f"Nothing was imported. {error}") from error
        await end_outdated_watches(state)
    return answer(Imported(query.dry_run, plan.counts()))


def _refuse(plan: ImportPlan) -> None:
    if not plan.errors:
        return
    first: ImportProblem = plan.errors[0]
    more = f", and {len(plan.errors) - 1} more" if len(plan.errors) > 1 else ""
    raise Problem(
        "import_refused",
        f"Nothing was imported. {first}{more}.",
        errors=[msgspec.to_builtins(error) for error in plan.errors[:200]],
    )


routes = [
    resource("/api/dispatch/appointments", post=book_on_behalf),
    resource("/api/dispatch/appointments/{appointment}/reassign", post=reassign),
    resource("/api/dispatch/customers", get=list_customers),
    resource("/api/dispatch/switches", get=read_switches, put=change_switches),
    resource("/api/dispatch/import", post=import_rows, max_body_size=IMPORT_MAX_BYTES),
]
