"""The dispatcher's day: every technician and every visit, with what needs an eye on it."""

from __future__ import annotations

import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import booking, catalog_store, policy
from slots.model import AppointmentView, Resource, Status
from tracker.board import BOARD_TOPIC
from tracker.freshness import LOST_AFTER_MS
from tracker.messages import BoardTechnician
from web import accounts_store
from web.api.technician_visits import ContactJson
from web.api.visit_answers import viewer_of, visit_json
from web.appointment_json import AppointmentJson, Viewer, iso
from web.auth import require
from web.openapi import answer, decode_query, endpoint, resource
from web.state import State, state_of

BEFORE_S = 12 * 3600
AFTER_S = 36 * 3600
# So long an unhappy rating stands on the board, whenever the visit was.
UNHAPPY_FOR_S = 7 * 86_400


class BoardQuery(msgspec.Struct):
    """A day; without it the hours around now. Visits of neighbouring days come along: sites differ in their zone."""

    date: datetime.date | None = None


class BoardTechnicianJson(msgspec.Struct):
    """A technician with their newest position (1e-6 degrees) and duty. `silent`: traveling, but the phone says
    nothing. Times in ms since 1970."""

    id: str
    name: str
    phone: str | None
    photo: str | None
    duty: str
    silent: bool
    fixed_at: int | None
    lat_e6: int | None
    lon_e6: int | None
    heading_deg: int | None
    speed_cms: int | None
    battery_percent: int | None
    trip: str | None
    eta_at: int | None


class BoardVisit(msgspec.Struct):
    """`overdue`: its window has passed and nobody set off. `late_risk`: expected after the window. `low_rating`:
    the customer was unhappy."""

    appointment: AppointmentJson
    account: str
    contact_id: str
    contact: ContactJson
    planned_start: str
    planned_end: str
    overdue: bool
    late_risk: bool
    low_rating: bool


class BoardJson(msgspec.Struct):
    """`server_time` in ms since 1970; overdue visits of earlier days are among `visits` too. `unhappy`: low ratings of
    the last seven days, the newest first, whatever the day of the visit."""

    server_time: int
    technicians: list[BoardTechnicianJson]
    visits: list[BoardVisit]
    unhappy: list[BoardVisit]


@endpoint("Technicians and visits of the day", tag="Dispatch", query=BoardQuery, answers={200: BoardJson})
async def read_board(request: Request) -> Response:
    principal = await require(request, "dispatcher")
    state = state_of(request)
    day = decode_query(request, BoardQuery).date
    middle_s = state.now_s() if day is None else _midnight_s(day)
    views = await booking.board(state.booking, from_s=middle_s - BEFORE_S, to_s=middle_s + AFTER_S)
    overdue = await booking.overdue(state.booking, now_s=state.now_s())
    unhappy = await booking.unhappy(state.booking, since_s=state.now_s() - UNHAPPY_FOR_S)
    shown = {view.id: view for view in (*overdue, *views)}
    contacts = {view.appointment.contact_id for view in (*shown.values(), *unhappy)}
    async with state.database.read() as conn:
        resources = await catalog_store.resources(conn)
        people = await accounts_store.people_by_id(conn, list(contacts))
        accounts = {account.id: account.name for account in await accounts_store.accounts_listed(conn)}
    viewer = viewer_of(request, principal)

    def told(view: AppointmentView) -> BoardVisit:
        return _visit(state, view, viewer, people, accounts.get(view.appointment.account_id, ""))

    visits = [told(view) for view in sorted(shown.values(), key=lambda view: (view.appointment.start_s, view.id))]
    await state.node.bus.company(BOARD_TOPIC)
    now_ms = state.now_ms()
    state.watch_log.board_polled(principal, now_ms=now_ms)
    return answer(BoardJson(now_ms, _technicians(state, resources), visits, [told(view) for view in unhappy]))


def _midnight_s(day: datetime.date) -> int:
    return int(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp())


def _technicians(state: State, resources: tuple[Resource, ...]) -> list[BoardTechnicianJson]:
    now_ms = state.now_ms()
    rows = {row.id: row for row in state.node.board(now_ms).technicians}
    technicians = []
    for person in resources:
        row = rows.get(person.id) or BoardTechnician(id=person.id, duty=state.node.duty(person.id))
        if not person.active and row.trip is None:
            continue
        heard_at = row.fixed_at or 0
        technicians.append(
            BoardTechnicianJson(
                id=person.id,
                name=person.name,
                phone=person.phone,
                photo=person.photo,
                duty=row.duty,
                silent=row.trip is not None and now_ms - heard_at > LOST_AFTER_MS,
                fixed_at=row.fixed_at,
                lat_e6=row.lat_e6,
                lon_e6=row.lon_e6,
                heading_deg=row.heading_deg,
                speed_cms=row.speed_cms,
                battery_percent=row.battery_percent,
                trip=row.trip,
                eta_at=row.eta_at,
            )
        )
    return technicians


def _visit(
    state: State,
    view: AppointmentView,
    viewer: Viewer,
    people: dict[str, accounts_store.Person],
    account: str,
) -> BoardVisit:
    appointment, zone = view.appointment, view.time_zone
    person = people.get(appointment.contact_id)
    told = state.node.eta(view.id) if view.status is Status.TRAVELING else None
    arrival_s = told.eta_at // 1000 if told is not None else state.now_s()
    waiting = view.status in (Status.SCHEDULED, Status.TRAVELING)
    return BoardVisit(
        appointment=visit_json(state, view, viewer),
        account=account,
        contact_id=appointment.contact_id,
        contact=ContactJson(person.name if person else "", person.phone if person else None),
        planned_start=iso(appointment.start_s, zone),
        planned_end=iso(appointment.end_s, zone),
        overdue=policy.is_overdue(appointment, now_s=state.now_s()),
        late_risk=waiting and arrival_s > appointment.window_end_s,
        low_rating=appointment.rating is not None and appointment.rating.rating <= state.booking.rules.low_rating,
    )


routes = [resource("/api/dispatch/board", get=read_board)]
