"""GET /api/dispatch/appointments/{id}/history: who changed what on a visit, when, and through which door."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from slots import booking
from web.appointment_json import iso
from web.auth import require
from web.openapi import answer, endpoint, resource
from web.refusals import refusals
from web.state import state_of
from web.visibility import visible_visit


class ChangeJson(msgspec.Struct):
    """One change. `device_at` is when it happened by the doer's device, `server_at` when we heard of it; a change that
    is not `applied` came after a newer one and had no effect. `facts`: what else was said, such as a reason."""

    action: str
    from_status: str | None
    to_status: str | None
    device_at: str
    server_at: str
    role: str
    by: str
    source: str
    applied: bool
    version: int
    facts: dict[str, str | int | None]


class HistoryJson(msgspec.Struct):
    """In the order of device time."""

    changes: list[ChangeJson]


@endpoint("Every change of a visit", tag="Dispatch", answers={200: HistoryJson}, problems=("not_found",))
async def read_history(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    state = state_of(request)
    view = await visible_visit(state, principal, request.path_params["appointment"])
    with refusals(state.settings):
        lines = await booking.history(state.booking, appointment_id=view.id)
    return answer(
        HistoryJson(
            [
                ChangeJson(
                    action=line.action,
                    from_status=line.from_status,
                    to_status=line.to_status,
                    device_at=iso(line.device_s, view.time_zone),
                    server_at=iso(line.server_s, view.time_zone),
                    role=line.actor_role,
                    by=line.actor_id,
                    source=line.source,
                    applied=line.applied,
                    version=line.version,
                    facts=dict(line.facts),
                )
                for line in lines
            ]
        )
    )


routes: list[BaseRoute] = [resource("/api/dispatch/appointments/{appointment}/history", get=read_history)]
