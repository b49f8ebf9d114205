"""Who is asking: session cookie, bearer token, link cookie, device token.

The session token is the same in the cookie and in `Authorization: Bearer`. A tracking link, once redeemed, sits in a
cookie of its own visit, so that a person with two links keeps both.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from web.links import cut_to_visit
from web.principals import Principal, principal_of_link
from web.principals import principal_of as principal_of
from web.problems import Problem
from web.state import State, state_of

SESSION_COOKIE = "enroute_session"
LINK_COOKIE_PREFIX = "enroute_link_"

# A browser that collects more link cookies than this gets only the first ones looked at, that of the visit in any case.
_MAX_LINK_COOKIES = 8


async def authenticate(connection: HTTPConnection) -> Principal | None:
    """The session (cookie, else bearer token), else the link cookie that fits the visit in the path, else None.

    Looked up once per connection object; a websocket that stays open must watch `expires_at_ms` itself.
    """
    if "enroute.principal" not in connection.scope:
        # Asked once, also when there is no answer: the page that says so is made for whoever reads it.
        connection.scope["enroute.principal"] = None
        connection.scope["enroute.principal"] = await _authenticate(connection)
    principal: Principal | None = connection.scope["enroute.principal"]
    return principal


async def _authenticate(connection: HTTPConnection) -> Principal | None:
    state = state_of(connection)
    token = connection.cookies.get(SESSION_COOKIE)
    if token and (principal := await state.lookups.session(token)):
        return principal
    token = bearer_token(connection)
    if token and (principal := await authenticate_token(state, token)):
        return principal
    return await authenticate_link(connection)


async def authenticate_link(connection: HTTPConnection) -> Principal | None:
    """The link cookie that fits the visit in the path (any link where the path names none of them).

    For live views of a signed-in person who opened somebody else's link: ask this when the session may not see it.
    """
    state = state_of(connection)
    in_path = set(connection.path_params.values())
    wanted = {link_cookie_name(str(value)) for value in in_path}
    cookies = [name for name in connection.cookies if name.startswith(LINK_COOKIE_PREFIX)]
    found: Principal | None = None
    for name in sorted(cookies, key=lambda name: name not in wanted)[:_MAX_LINK_COOKIES]:
        token = connection.cookies[name]
        principal = await _by_link(state, token)
        if principal is not None and principal.appointment_id in in_path:
            return principal
        found = found or principal
    return found


async def authenticate_token(state: State, token: str) -> Principal | None:
    """A session or link token given outside of cookies: a websocket's hello, its subprotocol, a bearer header."""
    if not 20 <= len(token) <= 200:
        return None
    return await state.lookups.session(token) or await _by_link(state, token)


async def require(connection: HTTPConnection, *roles: str) -> Principal:
    """The principal. Problem `sign_in_required` without one, `forbidden` when the role is none of `roles` (any, if
    none is named). An admin may do whatever a dispatcher may."""
    principal = await authenticate(connection)
    if principal is None:
        raise Problem("sign_in_required")
    if roles and principal.role not in roles and not (principal.role == "admin" and "dispatcher" in roles):
        if principal.role == "link":
            raise Problem("sign_in_required", "A tracking link shows one visit; for everything else please sign in.")
        raise Problem("forbidden", f"This is for: {', '.join(roles)}.")
    return principal


async def _by_link(state: State, token: str) -> Principal | None:
    found = await state.lookups.link(token)
    if found is None or not found.link.is_alive(state.now_s()):
        return None
    visit = await state.lookups.visit(found.link.appointment_id)
    if visit is None:
        return None
    link = cut_to_visit(found.link, visit.appointment, grace_s=state.settings.link_grace_s)
    return principal_of_link(link, proved_at_ms=found.read_at_ms) if link.is_alive(state.now_s()) else None


async def authenticate_device(state: State, token: str) -> str | None:
    """The technician whose phone holds this token. Phones ask at every fix: many are answered by one query, and one
    that comes again within a second by none."""
    if not 20 <= len(token) <= 200:
        return None
    found = await state.lookups.device(token)
    if found is None or (found.expires_s is not None and found.expires_s <= state.now_s()):
        return None
    return found.technician_id


def header_of(connection: HTTPConnection, name: bytes) -> str | None:
    """The first header of this name (in lower case). Without the detours that a mapping of headers takes."""
    for known, value in connection.scope["headers"]:
        if known == name:
            decoded: str = value.decode("latin-1")
            return decoded
    return None


def bearer_token(connection: HTTPConnection) -> str | None:
    scheme, _, token = (header_of(connection, b"authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def link_cookie_name(appointment_id: str) -> str:
    return LINK_COOKIE_PREFIX + hashlib.sha256(appointment_id.encode()).hexdigest()[:12]


def set_cookie(response: Response, state: State, *, name: str, token: str, max_age_s: int) -> None:
    response.set_cookie(
        name,
        token,
        max_age=max_age_s,
        path="/",
        secure=state.settings.cookies_are_secure,
        httponly=True,
        samesite="lax",
    )


def clear_session_cookie(response: Response, state: State) -> None:
    response.delete_cookie(
        SESSION_COOKIE, path="/", secure=state.settings.cookies_are_secure, httponly=True, samesite="lax"
    )


def origin_is_ours(connection: HTTPConnection) -> bool:
    """Whether the browser says that the request began on a page of ours, or no browser says anything.

    Cookies go along with requests that other sites cause; so an unsafe method, and every websocket that is let in by a
    cookie, must pass this. Programs send neither header and are not fooled by foreign pages.
    """
    fetch_site = header_of(connection, b"sec-fetch-site")
    if fetch_site in ("cross-site", "same-site"):
        return False
    origin = header_of(connection, b"origin")
    if origin is None:
        return True
    netloc = urlsplit(origin).netloc.lower()
    ours = {(header_of(connection, b"host") or "").lower()}
    if public_url := state_of(connection).settings.public_url:
        ours.add(urlsplit(public_url).netloc.lower())
    return bool(netloc) and netloc in ours
