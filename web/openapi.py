"""Endpoints that say what they take and give; `web.openapi_document` gathers the document from that.

    class SignIn(msgspec.Struct): ...

    @endpoint("Sign in", tag="Access", body=SignIn, answers={201: SignedIn}, problems=("wrong_credentials",))
    async def sign_in(request: Request) -> Response:
        body = await decode_body(request, SignIn)
        return answer(SignedIn(...), status=201)

    routes = [resource("/api/session", get=read_session, post=sign_in, delete=sign_out)]

One path is one `resource`: two Starlette routes on one path would answer 405 with a wrong `Allow`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.problems import PROBLEMS, Problem

Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")
H = TypeVar("H", bound=Handler)

# PostgreSQL keeps no NUL in a text, and nobody means one. JSON can only write it as an escape.
NUL = "\0"
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NO_NUL = "A text cannot hold the character NUL."

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """What one method of one path takes and gives. `answers` maps a status to a type; None is an empty body."""

    summary: str
    tag: str
    body: Any = None
    query: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    public: bool = False


def endpoint(
    summary: str,
    *,
    tag: str,
    body: Any = None,
    query: Any = None,
    answers: Mapping[int, Any] | None = None,
    problems: tuple[str, ...] = (),
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
    public: bool = False,
) -> Callable[[H], H]:
    """Declare a handler. `body` and `query` are the Struct types it decodes, `headers` the request headers it reads
    (name → meaning), `media_type` that of its answers, `public` that nobody needs to sign in."""
    unknown = [code for code in problems if code not in PROBLEMS]
    if unknown:
        raise ValueError(f"{summary!r} declares problem codes that web.problems.PROBLEMS does not know: {unknown}")
    operation = Operation(
        summary, tag, body, query, answers or {200: None}, problems, headers or {}, media_type, public
    )

    def declare(handler: H) -> H:
        handler.operation = operation  # type: ignore[attr-defined]
        return handler

    return declare


class Resource(Route):
    """A route whose methods are separate handlers."""

    def __init__(self, path: str, handlers: Mapping[str, Handler], max_body_size: int | None = None) -> None:
        self.handlers = {method.upper(): handler for method, handler in handlers.items()}

        async def dispatch(request: Request) -> Response:
            if NUL in request.scope["path"]:
                raise Problem("not_found")
            method = "GET" if request.method == "HEAD" else request.method
            return await self.handlers[method](request)

        super().__init__(path, dispatch, methods=list(self.handlers), name=path, max_body_size=max_body_size)


def resource(
    path: str,
    *,
    get: Handler | None = None,
    post: Handler | None = None,
    put: Handler | None = None,
    patch: Handler | None = None,
    delete: Handler | None = None,
    max_body_size: int | None = None,
) -> Resource:
    """One path and its handlers. `max_body_size` in bytes only where it differs from the server's."""
    given = dict(zip(METHODS, (get, post, put, patch, delete), strict=True))
    return Resource(path, {name: handler for name, handler in given.items() if handler}, max_body_size)


async def decode_body(request: Request, type: type[T]) -> T:
    """The JSON body as `type`. Problem `malformed` (400) when it is not JSON, `invalid` (422) with the field's path
    when it is not the right shape."""
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise Problem("unsupported_media_type", f"Send application/json, not {content_type[:60]}.")
    raw = await request.body()
    if b"\\u0000" in raw and _ESCAPED_NUL.search(raw):
        raise Problem("invalid", _NO_NUL)
    try:
        return msgspec.json.decode(raw, type=type)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("malformed", f"The body is not JSON: {error}.") from None


def decode_query(request: Request, type: type[T]) -> T:
    """The query string as `type`; names that `type` does not know are ignored. Problem `invalid` (422) otherwise."""
    values = dict(request.query_params)
    if any(NUL in value for value in values.values()):
        raise Problem("invalid", _NO_NUL)
    try:
        return msgspec.convert(values, type, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: msgspec.ValidationError) -> Problem:
    sentence, _, path = str(error).partition(" - at `$")
    field_path = path.rstrip("`").lstrip(".") or None
    if field_path is None and (missing := sentence.partition("missing required field `")[2]):
        field_path = missing.rstrip("`")
    return Problem("invalid", sentence.replace("`", "") + ".", field=field_path)


def answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as JSON. What people get is theirs alone, so no cache keeps it unless `headers` says otherwise."""
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        headers={"Cache-Control": "no-store"} | dict(headers or {}),
        media_type="application/json",
    )


def no_content() -> Response:
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
