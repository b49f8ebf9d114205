"""POST /api/password/forgot, POST /api/password/reset."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from web import accounts, accounts_store
from web.api.session import Email, Password, client_address
from web.openapi import decode_body, endpoint, no_content, resource
from web.state import state_of


class Forgot(msgspec.Struct):
    """Whose password was forgotten."""

    email: Email


class Reset(msgspec.Struct):
    """`token` from the fragment of the link in the message."""

    token: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Password

    def __repr__(self) -> str:
        return "Reset(…)"


@endpoint(
    "Ask for a link that resets the password",
    tag="Access",
    body=Forgot,
    answers={204: None},
    problems=("too_many_requests", "storage_unavailable"),
    public=True,
)
async def forgot(request: Request) -> Response:
    """The answer is the same, and as fast, whether the address is known or not: the work is done after it."""
    state = state_of(request)
    body = await decode_body(request, Forgot)
    async with state.database.read() as conn:
        # Whoever is told yes now cannot be told afterwards that nothing could be done.
        await accounts_store.ping(conn)
    await accounts.check_reset_limits(state, email=body.email, address=client_address(request))
    response = no_content()
    response.background = BackgroundTask(accounts.forget_password, state, email=body.email)
    return response


@endpoint(
    "Set a new password with the token of that link",
    tag="Access",
    body=Reset,
    answers={204: None},
    problems=("reset_dead", "password_weak", "too_many_requests", "busy"),
    public=True,
)
async def reset(request: Request) -> Response:
    body = await decode_body(request, Reset)
    await accounts.reset_password(
        state_of(request), token=body.token, password=body.password, address=client_address(request)
    )
    return no_content()


routes: list[BaseRoute] = [
    resource("/api/password/forgot", post=forgot),
    resource("/api/password/reset", post=reset),
]
