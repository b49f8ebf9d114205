"""Days that differ, one at a time: holidays of everybody, days of one technician."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from slots import catalog_store
from slots.model import Holiday, ShiftException
from web import accounts_store
from web.auth import require
from web.import_changes import exception_of, exceptions_in_order
from web.import_rows import DayTime, HolidayRow, Row
from web.import_rules import faults_of
from web.openapi import decode_body, endpoint, no_content, resource
from web.problems import Problem
from web.refusals import refusals
from web.state import state_of

R = TypeVar("R", bound=Row)


class HolidayName(msgspec.Struct):
    """What the day is called."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class OtherDay(msgspec.Struct):
    """`off` takes the times away, without times the whole day; `extra` adds working time. `08:00` in the technician's
    time zone."""

    kind: Literal["off", "extra"]
    start: str | None = None
    end: str | None = None


@endpoint("Nobody works on this day", tag="Dispatch", body=HolidayName, answers={204: None})
async def put_holiday(request: Request) -> Response:
    await require(request, "dispatcher")
    state = state_of(request)
    body = await decode_body(request, HolidayName)
    row = _checked(HolidayRow, date=request.path_params["date"], name=body.name)
    with refusals(state.settings):
        async with state.database.transaction() as conn:
            await catalog_store.put_holidays(conn, [Holiday(date=datetime.date.fromisoformat(row.date), name=row.name)])
    return no_content()


@endpoint("This day is no holiday", tag="Dispatch", answers={204: None}, problems=("invalid",))
async def remove_holiday(request: Request) -> Response:
    await require(request, "dispatcher")
    state = state_of(request)
    row = _checked(HolidayRow, date=request.path_params["date"], name="-")
    with refusals(state.settings):
        async with state.database.transaction() as conn:
            await catalog_store.remove_holidays(conn, [datetime.date.fromisoformat(row.date)])
    return no_content()


@endpoint(
    "A technician's day differs from their week",
    tag="Dispatch",
    body=OtherDay,
    answers={204: None},
    problems=("not_found",),
)
async def put_day(request: Request) -> Response:
    await require(request, "dispatcher")
    body = await decode_body(request, OtherDay)
    row = _checked(DayTime, date=request.path_params["date"], kind=body.kind, start=body.start, end=body.end)
    await _replace_day(request, row.date, exception_of(row))
    return no_content()


@endpoint(
    "A technician's day is like in any week", tag="Dispatch", answers={204: None}, problems=("invalid", "not_found")
)
async def remove_day(request: Request) -> Response:
    await require(request, "dispatcher")
    row = _checked(DayTime, date=request.path_params["date"], kind="off")
    await _replace_day(request, row.date, None)
    return no_content()


async def _replace_day(request: Request, date: str, day: ShiftException | None) -> None:
    state = state_of(request)
    with refusals(state.settings):
        async with state.database.transaction() as conn:
            # Hours stand in one text beside the technician: what two people change at once must not be lost.
            await accounts_store.wait_for_other_imports(conn)
            technician = await catalog_store.resource(conn, request.path_params["technician"])
            if technician is None:
                raise Problem("not_found")
            kept = [each for each in technician.exceptions if each.date.isoformat() != date]
            days = exceptions_in_order(kept if day is None else [*kept, day])
            await catalog_store.put_resources(conn, [msgspec.structs.replace(technician, exceptions=days)])


def _checked(row_type: type[R], **values: object) -> R:
    """By the rules of the import. Problem `invalid` with the field."""
    try:
        row = msgspec.convert(values, row_type)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`")
        raise Problem("invalid", "Give a date such as 2026-12-25 and times such as 08:00.", field=field) from None
    for field, detail in faults_of(row):
        raise Problem("invalid", f"{detail}.", field=field)
    return row


routes = [
    resource("/api/dispatch/holidays/{date}", put=put_holiday, delete=remove_holiday),
    resource("/api/dispatch/technicians/{technician}/days/{date}", put=put_day, delete=remove_day),
]
