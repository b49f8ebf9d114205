"""Tracking links: opening one, and what dispatchers do with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from slots.model import AppointmentView
from web import accounts_store, links, links_store
from web.accounts import give_back_token_try, take_token_try
from web.api.session import client_address
from web.auth import link_cookie_name, require, set_cookie
from web.instants import iso
from web.openapi import answer, decode_body, endpoint, no_content, resource
from web.state import State, state_of
from web.visibility import visible_visit


class RedeemLink(msgspec.Struct):
    """`token` from the fragment of the link."""

    token: Annotated[str, Meta(min_length=1, max_length=200)]

    def __repr__(self) -> str:
        return "RedeemLink(…)"


class OpenedLink(msgspec.Struct):
    """The visit this link shows, and until when."""

    appointment: str
    expires_at: str


class NewLink(msgspec.Struct):
    """The address to hand to the recipient. It cannot be read again."""

    id: str
    url: str
    token: str
    expires_at: str


class LinkLine(msgspec.Struct):
    """One link of a visit. `recipient` is an e-mail address; `opened_at` when it was first opened. While the visit is
    to come or under way the link dies so many seconds after its end (`after_visit_s`), `expires_at` at the latest; null
    when the visit is over, or when somebody set the end by hand."""

    id: str
    recipient: str | None
    created_at: str
    expires_at: str
    after_visit_s: int | None
    opened_at: str | None
    blocked: bool
    alive: bool


class LinkList(msgspec.Struct):
    """Oldest first."""

    links: list[LinkLine]


class LinkExpiry(msgspec.Struct):
    """The new end, with an offset from UTC, whenever the visit ends; an instant in the past ends the link now."""

    expires_at: Annotated[datetime, Meta(tz=True)]


class LinkExtension(msgspec.Struct):
    """How many seconds longer the link lives than it would have: after the end of the visit and the grace period, or
    after an end that was set by hand; from now, where that has passed."""

    longer_s: Annotated[int, Meta(ge=60, le=links.MAX_LIFETIME_S)]


@endpoint(
    "Open a tracking link",
    tag="Links",
    body=RedeemLink,
    answers={200: OpenedLink},
    problems=("link_dead", "too_many_requests"),
    public=True,
)
async def redeem(request: Request) -> Response:
    state, address = state_of(request), client_address(request)
    body = await decode_body(request, RedeemLink)
    await take_token_try(state, address)
    link = await links.redeem_link(state, body.token)
    await give_back_token_try(state, address)
    response = answer(OpenedLink(link.appointment_id, iso(link.expires_s)), headers={"Referrer-Policy": "no-referrer"})
    max_age_s = max(0, link.expires_s - state.now_s())
    cookie = link_cookie_name(link.appointment_id)
    set_cookie(response, state, name=cookie, token=body.token, max_age_s=max_age_s)
    return response


@endpoint("Make a tracking link", tag="Links", answers={201: NewLink}, problems=("not_found",))
async def create(request: Request) -> Response:
    state, view = await _visit(request)
    async with state.database.transaction() as conn:
        link, token = await links.issue_link(
            conn, appointment_id=view.id, contact_id=view.appointment.contact_id, now_s=state.now_s()
        )
    url = links.link_url(state.settings.base_url, token)
    return answer(NewLink(link.id, url, token, iso(_cut(state, link, view).expires_s)), status=201)


@endpoint("List the tracking links of a visit", tag="Links", answers={200: LinkList}, problems=("not_found",))
async def list_links(request: Request) -> Response:
    state, view = await _visit(request)
    async with state.database.read() as conn:
        found = await links_store.links_of(conn, view.id)
        people = await accounts_store.people_by_id(conn, [link.contact_id for link in found if link.contact_id])
    is_over = (view.appointment.completed_s or view.appointment.canceled_s) is not None
    lines = []
    for link in (_cut(state, link, view) for link in found):
        person = people.get(link.contact_id or "")
        lines.append(
            LinkLine(
                id=link.id,
                recipient=person.email if person else None,
                created_at=iso(link.created_s),
                expires_at=iso(link.expires_s),
                after_visit_s=None if is_over or link.extended else state.settings.link_grace_s + link.longer_s,
                opened_at=None if link.opened_s is None else iso(link.opened_s),
                blocked=link.blocked_s is not None,
                alive=link.is_alive(state.now_s()),
            )
        )
    return answer(LinkList(lines))


@endpoint(
    "Set the end of a tracking link, whenever the visit ends",
    tag="Links",
    body=LinkExpiry,
    answers={204: None},
    problems=("not_found",),
)
async def change_expiry(request: Request) -> Response:
    await require(request, "dispatcher")
    body = await decode_body(request, LinkExpiry)
    expires_s = int(body.expires_at.timestamp())
    await links.set_link_expiry(state_of(request), link_id=request.path_params["link"], expires_s=expires_s)
    return no_content()


@endpoint(
    "Extend a tracking link",
    tag="Links",
    body=LinkExtension,
    answers={204: None},
    problems=("not_found",),
)
async def extend(request: Request) -> Response:
    await require(request, "dispatcher")
    body = await decode_body(request, LinkExtension)
    await links.extend_link(state_of(request), link_id=request.path_params["link"], by_s=body.longer_s)
    return no_content()


@endpoint("Block a tracking link", tag="Links", answers={204: None}, problems=("not_found",))
async def block(request: Request) -> Response:
    """Open views of this link are closed at once."""
    await require(request, "dispatcher")
    await links.block_link(state_of(request), link_id=request.path_params["link"])
    return no_content()


async def _visit(request: Request) -> tuple[State, AppointmentView]:
    state = state_of(request)
    principal = await require(request, "dispatcher")
    return state, await visible_visit(state, principal, request.path_params["appointment"])


def _cut(state: State, link: links_store.Link, view: AppointmentView) -> links_store.Link:
    return links.cut_to_visit(link, view.appointment, grace_s=state.settings.link_grace_s)


routes: list[BaseRoute] = [
    resource("/api/links/redeem", post=redeem),
    resource("/api/dispatch/appointments/{appointment}/links", get=list_links, post=create),
    resource("/api/dispatch/links/{link}", put=change_expiry, delete=block),
    resource("/api/dispatch/links/{link}/extend", post=extend),
]
