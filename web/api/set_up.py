"""An installation's set-up as one file: out by `GET /api/dispatch/setup`, in by `POST /api/dispatch/import`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from web.accounts import end_outdated_watches
from web.accounts_store import EmailTaken
from web.auth import Principal, require
from web.export import as_json, set_up_of
from web.import_changes import Count
from web.import_entries import Entries, ImportProblem
from web.import_files import SourceFile, entries_of
from web.import_plan import ImportPlan
from web.import_rows import ROW_TYPES, ImportFile
from web.importer import apply_import, changes_of, plan_for, read_known
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
    """`dry_run`: check everything, say what would change, write nothing. `file`: the body is a file of this name as it
    is, one that `enroute import` would take (CSV, GeoJSON, JSON); problems name it and their line in it."""

    dry_run: bool = False
    file: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class Imported(msgspec.Struct):
    """Rows per list, and what became of them, or would. Unchanged rows count too, though nothing is written for them.
    `removed`: what belonged to a technician and is no longer listed."""

    dry_run: bool
    rows: dict[str, int]
    changes: dict[str, Count]


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
    state = state_of(request)
    async with state.database.read() as conn:
        known = await read_known(conn, state.switches.first)
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
    data = await (decode_body(request, object) if query.file is None else _entries(request, query.file))
    plan = await plan_for(state.database, data)
    if principal.role != "admin" and (plan.staff or any(row.password for row in plan.contacts)):
        raise Problem("forbidden", "Only an admin imports staff and passwords.")
    _refuse(plan)
    if query.dry_run:
        changes = await changes_of(state.database, plan, first=state.switches.first)
        return answer(Imported(True, plan.counts(), changes.counts))
    with refusals(state.settings):
        try:
            changes = await apply_import(state, plan, first=state.switches.first)
        except EmailTaken as error:
            raise Problem("import_refused", f"Nothing was imported. {error}") from error
    await end_outdated_watches(state)
    await state.switches.follow(state.database)
    return answer(Imported(False, plan.counts(), changes.counts))


async def _entries(request: Request, name: str) -> Entries:
    content = await request.body()
    return await asyncio.to_thread(entries_of, [SourceFile(name, content)])


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
