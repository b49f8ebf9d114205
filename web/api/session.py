"""POST, GET, DELETE /api/session."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from web import accounts, accounts_store
from web.accounts import SignedIn
from web.auth import SESSION_COOKIE, authenticate, clear_session_cookie, require, set_cookie
from web.languages import asked_locale
from web.openapi import answer, decode_body, endpoint, no_content, resource
from web.state import State, state_of

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=1000)]


class SignIn(msgspec.Struct):
    """`token`: also give the session token, for a program that keeps no cookies."""

    email: Email
    password: Password
    token: bool = False

    def __repr__(self) -> str:
        return "SignIn(…)"


class Session(msgspec.Struct, omit_defaults=True):
    """Who is signed in, and the page to go to next. `token` only where it was asked for."""

    name: str
    role: str
    first_sign_in: bool
    next: str
    token: str | None = None


def session_response(state: State, signed_in: SignedIn, *, with_token: bool = False) -> Response:
    """201 with the session cookie."""
    body = {
        "name": signed_in.person.name,
        "role": signed_in.person.role,
        "first_sign_in": signed_in.first_sign_in,
        "next": signed_in.next,
    }
    if with_token:
        body["token"] = signed_in.token
    response = answer(body, status=201)
    max_age_s = signed_in.expires_s - state.now_s()
    set_cookie(response, state, name=SESSION_COOKIE, token=signed_in.token, max_age_s=max_age_s)
    return response


def browser_locale(request: Request) -> str | None:
    """The locale of ours that the browser asks for."""
    return asked_locale(request.headers.get("accept-language", ""))


def client_address(request: Request) -> str | None:
    return request.client.host if request.client else None


@endpoint(
    "Sign in",
    tag="Access",
    body=SignIn,
    answers={201: Session},
    problems=("wrong_credentials", "too_many_requests", "busy"),
    public=True,
)
async def sign_in(request: Request) -> Response:
    state = state_of(request)
    body = await decode_body(request, SignIn)
    signed_in = await accounts.sign_in(
        state,
        email=body.email,
        password=body.password,
        address=client_address(request),
        asked_locale=browser_locale(request),
    )
    return session_response(state, signed_in, with_token=body.token)


@endpoint("Who is signed in", tag="Access", answers={200: Session})
async def read_session(request: Request) -> Response:
    principal = await require(request, "customer", "technician", "dispatcher", "admin")
    async with state_of(request).database.read() as conn:
        person = await accounts_store.person_by_id(conn, principal.person_id or "")
    name = person.name if person else ""
    next_page = accounts.home_path(principal.role)
    return answer({"name": name, "role": principal.role, "first_sign_in": False, "next": next_page})


@endpoint("Sign out", tag="Access", answers={204: None}, public=True)
async def sign_out(request: Request) -> Response:
    state = state_of(request)
    principal = await authenticate(request)
    if principal is not None and principal.role != "link":
        await accounts.sign_out(state, principal)
    response = no_content()
    clear_session_cookie(response, state)
    return response


routes: list[BaseRoute] = [resource("/api/session", get=read_session, post=sign_in, delete=sign_out)]
