"""Phones that post: `/in/<protocol>`, answered after the fixes are on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tracker.devices import PROTOCOLS, REPLIES, DeviceReport, DeviceRequest, native
from tracker.devices.tokens import authorization_token, query_token
from tracker.errors import DeviceDataError, OwnerAway
from tracker.filters import Kept, Verdict
from tracker.messages import Fix
from web.auth import authenticate_device
from web.openapi import endpoint, resource
from web.problems import Problem
from web.state import State, state_of

COMMIT_WITHIN_S = 4.5
"""Of a database that does not answer. A phone keeps its fixes and comes again."""
RETRY_AFTER_S = 5
MAX_BODY_BYTES = 4 * 1_048_576
"""Apps that were offline for days post their whole buffer at once."""
MAX_STRANGERS_BYTES = 1_048_576
"""Where the token is in the body, that is read before it is known whose it is. Traccar Client posts what it kept
through a tunnel as one list of a few hundred bytes each."""
BATCHES = frozenset({"fix", "owntracks", "overland"})
"""Protocols of many fixes; their token is in the header, so nothing of a stranger's is read."""

_APPS = {
    "fix": "native fixes, JSON or MessagePack, one or a list",
    "owntracks": "OwnTracks (HTTP mode)",
    "osmand": "OsmAnd and Traccar Client",
    "overland": "Overland",
    "gpslogger": "GPSLogger (custom URL)",
}


class RefusedFix(msgspec.Struct):
    """`index` counts from 0 in the report; `reason` is one of the counted reasons."""

    index: int
    reason: str


class FixesTaken(msgspec.Struct):
    """How many fixes are on disk now, and why the others are not."""

    accepted: int
    rejected: list[RefusedFix]


async def take_fixes(request: Request, protocol: str) -> Response:
    """One report of a phone in any of the protocols; answered after its fixes are on disk.

    2xx for everything that can never become good (the reason is counted), 401 for an unknown token, 503 with
    Retry-After when the same report should be sent again.
    """
    state = state_of(request)
    header_token = authorization_token(request.headers)
    if protocol in BATCHES:
        await _technician(state, header_token)
    device = DeviceRequest(
        query=dict(request.query_params),
        headers=request.headers,
        content_type=request.headers.get("content-type", ""),
        body=await request.body(),
        received_at=state.now_ms(),
    )
    detail = None
    try:
        report = PROTOCOLS[protocol](device)
    except DeviceDataError as error:
        reply, reply_type = REPLIES[protocol]
        token = header_token
        if protocol not in BATCHES:
            token = token or query_token(device.query)
        report = DeviceReport(rejected=[(0, error.code)], token=token, reply=reply, reply_type=reply_type)
        detail = error.detail
    technician_id = await _technician(state, report.token)
    node = state.node
    if node.recorder.full:
        raise Problem("busy", headers={"Retry-After": str(RETRY_AFTER_S)})
    for _, reason in report.rejected:
        node.rejections[reason] += 1
    try:
        async with asyncio.timeout(COMMIT_WITHIN_S):
            verdicts = await node.take_in(technician_id, report.fixes)
    except (TimeoutError, OwnerAway):
        raise Problem("busy", headers={"Retry-After": str(RETRY_AFTER_S)}) from None
    if protocol != "fix":
        return Response(report.reply, media_type=report.reply_type)
    return Response(_native_reply(report, verdicts, detail), media_type=native.REPLY_TYPE)


def _native_reply(report: DeviceReport, verdicts: list[Verdict], detail: str | None) -> bytes:
    refused = list(report.rejected)
    accepted = 0
    for place, verdict in zip(report.fix_places, verdicts, strict=True):
        if isinstance(verdict, Kept):
            accepted += 1
        else:
            refused.append((place, verdict.value))
    refused.sort()
    reply = native.reply(accepted=accepted, rejected=refused)
    if detail is None:
        return reply
    return msgspec.json.encode(msgspec.json.decode(reply) | {"code": DeviceDataError.code, "detail": detail})


async def _technician(state: State, token: str | None) -> str:
    technician_id = await authenticate_device(state, token) if token else None
    if technician_id is None:
        raise Problem("sign_in_required", "This device token is not known here.")
    return technician_id


def _door(protocol: str, *, native_body: bool = False) -> Callable[[Request], Awaitable[Response]]:
    @endpoint(
        f"Fixes of a phone: {_APPS[protocol]}",
        tag="Devices",
        body=list[Fix] if native_body else None,
        answers={200: FixesTaken if native_body else None},
        problems=("sign_in_required", "busy", "too_large"),
    )
    async def take(request: Request) -> Response:
        return await take_fixes(request, protocol)

    return take


def _routes() -> list[BaseRoute]:
    doors = {protocol: _door(protocol, native_body=protocol == "fix") for protocol in PROTOCOLS}
    routes: list[BaseRoute] = [
        resource(
            f"/in/{protocol}",
            get=None if protocol in BATCHES else door,
            post=door,
            max_body_size=MAX_BODY_BYTES if protocol in BATCHES else MAX_STRANGERS_BYTES,
        )
        for protocol, door in doors.items()
    ]
    return [*routes, resource("/pub", post=doors["owntracks"], max_body_size=MAX_BODY_BYTES)]


routes = _routes()
