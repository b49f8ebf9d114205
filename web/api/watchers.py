"""GET /api/dispatch/appointments/{id}/watchers: who watched the technician on the way to a visit."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from slots.model import AppointmentView
from web import accounts_store, watch_log_store
from web.announcements import WatchedBy
from web.auth import require
from web.instants import iso
from web.openapi import answer, endpoint, resource
from web.state import state_of
from web.visibility import visible_visit
from web.watch_log import watched_by


class WatchedJson(msgspec.Struct):
    """Who saw whom, and by what: a page, a tracking link, or a dispatcher's board. `name` is empty for a link that was
    sent to nobody in particular, `technician` null for who opened the board, which shows everybody, while the visit
    was Traveling. `times`: how often they began to, polling counted once an hour."""

    name: str
    by: WatchedBy
    technician: str | None
    first_at: str
    last_at: str
    times: int


class WatchLogJson(msgspec.Struct):
    """In the order in which they began."""

    watchers: list[WatchedJson]


@endpoint("Who watched the technician of a visit", tag="Dispatch", answers={200: WatchLogJson}, problems=("not_found",))
async def read_watchers(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    state = state_of(request)
    view = await visible_visit(state, principal, request.path_params["appointment"])
    await state.watch_log.write()
    from_s, to_s = _traveling_span(view, now_s=state.now_s())
    async with state.database.read() as conn:
        lines = await watch_log_store.lines_of(
            conn, appointment_id=view.id, from_ms=from_s * 1000, to_ms=to_s * 1000 + 999
        )
        people = await accounts_store.people_by_id(conn, [line.who for line in lines])
    watchers = [
        WatchedJson(
            name=(people[line.who].name or people[line.who].email) if line.who in people else "",
            by=watched_by(line.role),
            technician=line.technician_id,
            first_at=iso(line.first_ms // 1000),
            last_at=iso(line.last_ms // 1000),
            times=line.times,
        )
        for line in lines
    ]
    return answer(WatchLogJson(watchers))


def _traveling_span(view: AppointmentView, *, now_s: int) -> tuple[int, int]:
    """From setting off until the technician was there, gave up or has not arrived yet; empty before."""
    visit = view.appointment
    if visit.traveling_s is None:
        return now_s, 0
    return visit.traveling_s, visit.started_s or visit.canceled_s or visit.completed_s or now_s


routes: list[BaseRoute] = [resource("/api/dispatch/appointments/{appointment}/watchers", get=read_watchers)]
