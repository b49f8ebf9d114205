"""What every HTTP answer gets, whoever makes it: security headers, the origin check, the request limit, counts.

Pure ASGI around the whole application; websockets pass through untouched.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.auth import LINK_COOKIE_PREFIX, SESSION_COOKIE, bearer_token, origin_is_ours
from web.config import Settings
from web.problems import Problem, retry_later
from web.throttle import address_key

if TYPE_CHECKING:
    from web.state import State

log = logging.getLogger("enroute.http")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Phones know no cookies and no origins; their protocols have limits of their own.
DEVICE_PATHS = ("/in/", "/pub")


def content_security_policy(settings: Settings) -> str:
    """Everything from here; only a map that the operator configured adds other places."""
    elsewhere = "".join(f" {origin}" for origin in settings.map_origins)
    return "; ".join(
        (
            "default-src 'self'",
            "worker-src 'self' blob:",
            f"img-src 'self' data: blob:{elsewhere}",
            f"connect-src 'self'{elsewhere}",
            f"font-src 'self'{elsewhere}",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class Shell:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self._fixed = {
            "content-security-policy": content_security_policy(settings),
            "x-content-type-options": "nosniff",
            "permissions-policy": "camera=(), microphone=(), payment=(), usb=()",
            "cross-origin-opener-policy": "same-origin",
        }
        if settings.base_url.startswith("https://"):
            self._fixed["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        path: str = scope["path"]
        is_link_page = path == "/t" or (path.startswith("/appointments/") and path.endswith("/live"))
        metrics = None
        replaced = started_answer = False

        async def send_with_headers(message: Message) -> None:
            nonlocal replaced, started_answer
            if replaced:
                return
            if message["type"] == "http.response.start":
                started_answer = True
                if metrics is not None:
                    metrics.answered(scope, message["status"], time.perf_counter() - started)
                if message["status"] == 413 and _content_type(message) != b"application/problem+json":
                    # Starlette refuses a body that is announced as too large in plain text, past all handlers.
                    replaced = True
                    await self._send_problem(Problem("too_large"), is_link_page, send)
                    return
                self._add_headers(message, is_link_page)
            await send(message)

        state: State | None = getattr(scope["app"].state, "enroute", None)
        metrics = state.metrics if state is not None else None
        try:
            if state is not None:
                check_request(HTTPConnection(scope), state)
        except Problem as problem:
            await problem.response()(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            # Gone before the whole request was here: nothing was done, and there is nobody to answer.
            log.debug("a client hung up during its request")
        except Exception:
            # Caught here and not by Starlette, whose last resort is outside of this layer and its headers.
            log.exception("a request to %s failed", getattr(scope.get("route"), "path", "an unknown path"))
            if started_answer:
                raise
            our_fault = Problem("internal", "We have been told. Please try again in a moment.")
            await our_fault.response()(scope, receive, send_with_headers)

    def _add_headers(self, message: Message, is_link_page: bool) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in self._fixed.items():
            headers.setdefault(name, value)
        if is_link_page:
            headers["referrer-policy"] = "no-referrer"
            headers["cache-control"] = "no-store"
            headers["x-robots-tag"] = "noindex, nofollow"
        else:
            headers.setdefault("referrer-policy", "same-origin")
            headers.setdefault("x-robots-tag", "noindex")

    async def _send_problem(self, problem: Problem, is_link_page: bool, send: Send) -> None:
        body = msgspec.json.encode(problem.body())
        start: Message = {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [
                (b"content-type", b"application/problem+json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
        }
        self._add_headers(start, is_link_page)
        await send(start)
        await send({"type": "http.response.body", "body": body})


def check_request(connection: HTTPConnection, state: State) -> None:
    """Problem `cross_origin` for a change that another site caused, `too_many_requests` above the request limit."""
    path: str = connection.scope["path"]
    if path.startswith(DEVICE_PATHS):
        return
    is_change = connection.scope["method"] not in SAFE_METHODS
    if is_change and bearer_token(connection) is None and not origin_is_ours(connection):
        raise Problem("cross_origin", "A page of another site may not change anything here.")
    if path.startswith("/api/"):
        host = connection.client.host if connection.client else None
        key = _proof_key(connection) or address_key(host)
        if wait := state.limits.requests.take(key, state.now_ms() / 1000):
            raise retry_later("too_many_requests", wait)


def _proof_key(connection: HTTPConnection) -> str | None:
    """Who says they are somebody has a limit of their own: a whole town may come from one address of a carrier."""
    cookies = [
        value for name, value in connection.cookies.items() if name.startswith((SESSION_COOKIE, LINK_COOKIE_PREFIX))
    ]
    proof = bearer_token(connection) or "".join(cookies)
    return f"proof:{hash(proof)}" if proof else None


def _content_type(message: Message) -> bytes:
    value: bytes = next((value for name, value in message["headers"] if name.lower() == b"content-type"), b"")
    return value
