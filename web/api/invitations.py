"""POST /api/invitations, POST /api/invitations/redeem."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from web import invitations
from web.api.session import Email, Password, Session, browser_locale, client_address, session_response
from web.auth import require
from web.instants import iso
from web.openapi import answer, decode_body, endpoint, resource
from web.state import state_of


class Invite(msgspec.Struct):
    """Whom to invite: a contact of an active account, or staff that was set up."""

    email: Email


class Invited(msgspec.Struct):
    """The single-use code and the page that redeems it. Neither can be read again."""

    email: str
    code: str
    url: str
    expires_at: str


class Redeem(msgspec.Struct):
    """`password` is the one the person chooses; `name` replaces the one on file."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Password
    name: Annotated[str, Meta(max_length=200)] | None = None

    def __repr__(self) -> str:
        return "Redeem(…)"


@endpoint(
    "Invite somebody",
    tag="Access",
    body=Invite,
    answers={201: Invited},
    problems=("contact_unknown", "account_inactive", "already_invited"),
)
async def invite(request: Request) -> Response:
    state = state_of(request)
    await require(request, "dispatcher")
    body = await decode_body(request, Invite)
    valid_s = state.settings.invitation_days * 86_400
    invitation = await invitations.invite(state.database, email=body.email, valid_s=valid_s, now_s=state.now_s())
    state.outbox.wake()
    return answer(
        Invited(
            email=invitation.email,
            code=invitation.code,
            url=invitation.url(state.settings.base_url),
            expires_at=iso(invitation.expires_s),
        ),
        status=201,
    )


@endpoint(
    "Redeem an invitation",
    tag="Access",
    body=Redeem,
    answers={201: Session},
    problems=("invitation_dead", "password_weak", "account_inactive", "too_many_requests", "busy"),
    public=True,
)
async def redeem(request: Request) -> Response:
    state = state_of(request)
    body = await decode_body(request, Redeem)
    signed_in = await invitations.redeem(
        state,
        code=body.code,
        password=body.password,
        name=body.name,
        address=client_address(request),
        asked_locale=browser_locale(request),
    )
    return session_response(state, signed_in)


routes: list[BaseRoute] = [
    resource("/api/invitations", post=invite),
    resource("/api/invitations/redeem", post=redeem),
]
