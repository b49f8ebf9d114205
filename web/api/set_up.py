"""An installation's set-up as one file: out by `GET /api/dispatch/setup`, in by `POST /api/dispatch/import`."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from web.accounts import end_outdated_watches
from web.accounts_store import EmailTaken
from web.auth import Principal, require
from web.export import as_json, set_up_of
from web.import_entries import ImportProblem
from web.import_plan import ImportPlan
from web.import_rows import ROW_TYPES, ImportFile
from web.importer import apply_import, plan_for, read_known
from web.openapi import answer, decode_body, decode_query, endpoint, resource
from web.problems import Problem
from web.refusals import refusals
from web.state import state_of

# A large company's set-up: ten thousand rows of some hundred bytes, with room for polygons.
IMPORT_MAX_BYTES = 32 * 2**20
# Who signs in, and with which rights, is an admin's to say.
ADMINS_ONLY = frozenset({"staff"})


class SetUpQuery(msgspec.Struct):
    """`lists`: only these of the file, with commas between them, where the whole would be too large for one import."""

    lists: str = ""


class ImportQuery(msgspec.Struct):
    """`dry_run`: check everything, write nothing."""

    dry_run: bool = False


class Imported(msgspec.Struct):
    """Rows per list. Rows that are there already count too, though nothing was written for them."""

    dry_run: bool
    rows: dict[str, int]


@endpoint(
    "The whole set-up, in the form that an import takes",
    tag="Dispatch",
    query=SetUpQuery,
    answers={200: ImportFile},
    problems=("set_up_too_large",),
)
async def export_set_up(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    lists = _lists_for(principal, decode_query(request, SetUpQuery).lists)
    async with state_of(request).database.read() as conn:
        known = await read_known(conn)
    # A hundred thousand rows take a second to write down; nobody else's answers wait for that.
    text = await asyncio.to_thread(lambda: as_json(set_up_of(known, lists)))
    if len(text) > IMPORT_MAX_BYTES:
        raise Problem(
            "set_up_too_large", "No import would take it. Ask for some lists at a time, such as ?lists=sites,assets."
        )
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _lists_for(principal: Principal, wanted: str) -> frozenset[str]:
    """Those asked for, or all that this person may import. Problem `invalid` for one that there is not, `forbidden`
    for one that is not theirs."""
    own = frozenset(ROW_TYPES) if principal.role == "admin" else frozenset(ROW_TYPES) - ADMINS_ONLY
    lists = frozenset(filter(None, wanted.split(","))) or own
    if unknown := lists - frozenset(ROW_TYPES):
        detail = f"Unknown lists: {', '.join(sorted(unknown))}. Known are {', '.join(ROW_TYPES)}."
        raise Problem("invalid", detail, field="lists")
    if lists - own:
        raise Problem("forbidden", "Only an admin exports staff.")
    return lists


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
    resource("/api/dispatch/setup", get=export_set_up),
    resource("/api/dispatch/import", post=import_rows, max_body_size=IMPORT_MAX_BYTES),
]
