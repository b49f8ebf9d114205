"""The technician's day: visits, the changes of state, duty, and who can see them now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import booking
from slots.booking import Change
from slots.events import TravelStarted
from web import accounts_store
from web.announcements import DutyChanged, WatchedBy
from web.api.technician_visits import TechnicianVisit, technician_visits
from web.auth import require
from web.device_time import DeviceTime, seconds_of
from web.hearing import watchers_here
from web.openapi import answer, decode_body, endpoint, resource
from web.problems import Problem, retry_later
from web.refusals import refusals
from web.state import State, state_of
from web.versions import etag, expected_version
from web.visibility import actor_of, visible_visit

IF_MATCH = {"If-Match": "The ETag of the visit as it was shown; 412 when somebody changed it meanwhile"}
DUTY_WITHIN_S = 4.5
DUTY_RETRY_S = 5
STATE_PROBLEMS = ("not_found", "stale_version", "illegal_transition")


class StateChange(msgspec.Struct):
    """`at`: when it happened by the device, ISO 8601 with offset or ms since 1970; absent means now."""

    at: DeviceTime | None = None


class TechnicianDay(msgspec.Struct):
    """Today's visits of the technician by planned start, and those still under way from before."""

    technician: str
    duty: str
    appointments: list[TechnicianVisit]


class DutyJson(msgspec.Struct):
    """Positions are taken only on duty."""

    duty: Literal["on_duty", "on_break", "off_duty"]


class WatcherJson(msgspec.Struct):
    """`by` is how they watch: a customer's page, a tracking link, or a dispatcher's board."""

    name: str
    by: Literal["page", "link", "board"]


class WatchersJson(msgspec.Struct):
    """Who can see the technician now. `visit` is the one they travel to; without it no customer sees them."""

    visit: str | None
    watchers: list[WatcherJson]


@endpoint("The signed-in technician's day", tag="Technician", answers={200: TechnicianDay})
async def read_day(request: Request) -> Response:
    technician_id = await _technician(request)
    state = state_of(request)
    with refusals(state.settings):
        views = await booking.day_of_technician(state.booking, technician_id=technician_id, now_s=state.now_s())
    return answer(TechnicianDay(technician_id, state.node.duty(technician_id), await technician_visits(state, views)))


async def _technician(request: Request) -> str:
    principal = await require(request, "technician")
    if principal.technician_id is None:
        raise Problem("forbidden", "This sign-in belongs to no technician. Ask the dispatcher.")
    return principal.technician_id


UseCase = Callable[..., Awaitable[Change]]


async def _change_state(request: Request, use_case: UseCase) -> Response:
    principal = await require(request, "technician", "dispatcher")
    state = state_of(request)
    body = await decode_body(request, StateChange) if await request.body() else StateChange()
    view = await visible_visit(state, principal, request.path_params["appointment"])
    version = expected_version(request, view.version)
    if use_case is booking.travel:
        await state.bridge.prepare(view.technician.id)
    with refusals(state.settings):
        change = await use_case(
            state.booking,
            appointment_id=view.id,
            actor=actor_of(request, principal),
            version=version,
            at_s=seconds_of(body.at),
            now_s=state.now_s(),
        )
        begun = None
        for event in change.events:
            if isinstance(event, TravelStarted) and principal.role == "technician":
                begun = _begin_duty(state, view.technician.id, at_s=event.device_s)
        # First of all: nothing may come between the commit and what is told of it.
        await state.bridge.announce(change.events)
        if begun is not None:
            await state.announcements.to_all(begun)
    (visit,) = await technician_visits(state, (change.view,))
    return answer(visit, headers={"ETag": etag(change.view.version)})


def _begin_duty(state: State, technician_id: str, *, at_s: int) -> DutyChanged | None:
    """Who sets off is at work: on duty from then on, unless they said something else later. What the other processes
    are to be told, if it is a change."""
    node = state.node
    if node.duty(technician_id) == "on_duty" or at_s < node.technician(technician_id).duty_since // 1000:
        return None
    at_ms = node.set_duty(technician_id=technician_id, duty="on_duty", now_ms=at_s * 1000)
    return DutyChanged(technician_id, "on_duty", at_ms)


@endpoint(
    "Set off to a visit; a technician who does is on duty from then on",
    tag="Technician",
    body=StateChange,
    answers={200: TechnicianVisit},
    headers=IF_MATCH,
    problems=(*STATE_PROBLEMS, "already_traveling"),
)
async def travel(request: Request) -> Response:
    return await _change_state(request, booking.travel)


@endpoint(
    "Take setting off back",
    tag="Technician",
    body=StateChange,
    answers={200: TechnicianVisit},
    headers=IF_MATCH,
    problems=STATE_PROBLEMS,
)
async def undo(request: Request) -> Response:
    return await _change_state(request, booking.undo)


@endpoint(
    "Begin the work",
    tag="Technician",
    body=StateChange,
    answers={200: TechnicianVisit},
    headers=IF_MATCH,
    problems=STATE_PROBLEMS,
)
async def start(request: Request) -> Response:
    return await _change_state(request, booking.start)


@endpoint(
    "Finish the work",
    tag="Technician",
    body=StateChange,
    answers={200: TechnicianVisit},
    headers=IF_MATCH,
    problems=STATE_PROBLEMS,
)
async def complete(request: Request) -> Response:
    return await _change_state(request, booking.complete)


@endpoint("On duty, on a break, or off duty", tag="Technician", answers={200: DutyJson})
async def read_duty(request: Request) -> Response:
    technician_id = await _technician(request)
    return answer({"duty": state_of(request).node.duty(technician_id)})


@endpoint(
    "Change one's duty", tag="Technician", body=DutyJson, answers={200: DutyJson}, problems=("storage_unavailable",)
)
async def change_duty(request: Request) -> Response:
    technician_id = await _technician(request)
    state = state_of(request)
    body = await decode_body(request, DutyJson)
    at_ms = state.node.set_duty(technician_id=technician_id, duty=body.duty, now_ms=state.now_ms())
    await state.announcements.to_all(DutyChanged(technician_id, body.duty, at_ms))
    try:
        async with asyncio.timeout(DUTY_WITHIN_S):
            await state.node.recorder.committed()
    except TimeoutError:
        raise retry_later(
            "storage_unavailable", DUTY_RETRY_S, "It counts from now on, but could not be stored yet. Please repeat it."
        ) from None
    return answer(body)


@endpoint("Who can see me now", tag="Technician", answers={200: WatchersJson})
async def read_watchers(request: Request) -> Response:
    technician_id = await _technician(request)
    state = state_of(request)
    live = state.node.watched(technician_id)
    visit = live.id if live is not None and live.facts is not None and live.facts.tracking else None
    elsewhere = await state.announcements.watchers_elsewhere(technician_id)
    return answer(WatchersJson(visit, await _named(state, elsewhere | watchers_here(state, technician_id))))


async def _named(state: State, by_person: dict[str, WatchedBy]) -> list[WatcherJson]:
    if not by_person:
        return []
    async with state.database.read() as conn:
        people = await accounts_store.people_by_id(conn, list(by_person))
    named = [
        WatcherJson(people[person_id].name if person_id in people else "", by) for person_id, by in by_person.items()
    ]
    return sorted(named, key=lambda watcher: (watcher.by, watcher.name))


routes = [
    resource("/api/technician/appointments", get=read_day),
    resource("/api/technician/watchers", get=read_watchers),
    resource("/api/duty", get=read_duty, post=change_duty),
    resource("/api/appointments/{appointment}/travel", post=travel),
    resource("/api/appointments/{appointment}/undo", post=undo),
    resource("/api/appointments/{appointment}/start", post=start),
    resource("/api/appointments/{appointment}/complete", post=complete),
]
