"""Tokens for technicians' phones: by a dispatcher for any phone, by a technician for their own page."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from slots import catalog_store
from web.auth import require
from web.device_tokens import PAGE_TOKEN_S, issue_device_token, revoke_device_tokens
from web.instants import iso
from web.openapi import answer, decode_body, decode_query, endpoint, no_content, resource
from web.problems import Problem
from web.state import state_of


class TechnicianName(msgspec.Struct):
    """`technician` is the id given at set-up."""

    technician: Annotated[str, Meta(min_length=1, max_length=64)]


class DeviceToken(msgspec.Struct):
    """Cannot be read again. `expires_at` null: until it is revoked."""

    technician: str
    token: str
    expires_at: str | None


@endpoint(
    "Make a token for a phone",
    tag="Devices",
    body=TechnicianName,
    answers={201: DeviceToken},
    problems=("not_found",),
)
async def create(request: Request) -> Response:
    state = state_of(request)
    await require(request, "dispatcher")
    body = await decode_body(request, TechnicianName)
    async with state.database.transaction() as conn:
        if await catalog_store.resource(conn, body.technician) is None:
            raise Problem("not_found", "There is no such technician.")
        _, token = await issue_device_token(conn, technician_id=body.technician, now_s=state.now_s())
    return answer(DeviceToken(body.technician, token, None), status=201)


@endpoint("Revoke every token of a technician's phones", tag="Devices", query=TechnicianName, answers={204: None})
async def revoke(request: Request) -> Response:
    await require(request, "dispatcher")
    query = decode_query(request, TechnicianName)
    await revoke_device_tokens(state_of(request), technician_id=query.technician)
    return no_content()


@endpoint("A token for the technician's own page", tag="Devices", answers={201: DeviceToken})
async def create_own(request: Request) -> Response:
    state = state_of(request)
    principal = await require(request, "technician")
    if principal.technician_id is None:
        raise Problem("forbidden", "Your sign-in is not connected to a technician. Ask a dispatcher.")
    expires_s = state.now_s() + PAGE_TOKEN_S
    async with state.database.transaction() as conn:
        _, token = await issue_device_token(
            conn, technician_id=principal.technician_id, now_s=state.now_s(), expires_s=expires_s
        )
    return answer(DeviceToken(principal.technician_id, token, iso(expires_s)), status=201)


routes: list[BaseRoute] = [
    resource("/api/dispatch/device-tokens", post=create, delete=revoke),
    resource("/api/technician/device-token", post=create_own),
]
