"""Who is asking: session cookie, bearer token, link cookie, device token.

The session token is the same in the cookie and in `Authorization: Bearer`. A tracking link, once redeemed, sits in a
cookie of its own visit, so that a person with two links keeps both.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from web import accounts_store, secrets_store
from web.links import living_link
from web.problems import Problem
from web.state import State, state_of

SESSION_COOKIE = "enroute_session"
LINK_COOKIE_PREFIX = "enroute_link_"

# A browser that collects more link cookies than this gets only the first ones looked at, that of the visit in any case.
_MAX_LINK_COOKIES = 8

# How long a revoked device token may still be believed by a process that has just seen it.
_DEVICE_CACHE_MS = 15_000
_DEVICE_CACHE_SIZE = 20_000


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever is asking. `role` is customer, technician, dispatcher, admin or link.

    A link sees one visit (`appointment_id`) and nothing else; its `contact_id` is the recipient, `session_id` the id of
    the link. `expires_at_ms` is when the proof ends by itself; `proved_at_ms` when it was looked at, so that a
    revocation since then counts.
    """

    role: str
    person_id: str | None
    account_id: str | None = None
    contact_id: str | None = None
    technician_id: str | None = None
    appointment_id: str | None = None
    session_id: str
    expires_at_ms: int
    proved_at_ms: int = 0

    @property
    def is_staff(self) -> bool:
        """Sees every visit."""
        return self.role in ("dispatcher", "admin")


async def authenticate(connection: HTTPConnection) -> Principal | None:
    """The session (cookie, else bearer token), else the link cookie that fits the visit in the path, else None.

    Looked up once per connection object; a websocket that stays open must watch `expires_at_ms` itself.
    """
    if "enroute.principal" not in connection.scope:
        connection.scope["enroute.principal"] = await _authenticate(connection)
    principal: Principal | None = connection.scope["enroute.principal"]
    return principal


async def _authenticate(connection: HTTPConnection) -> Principal | None:
    state = state_of(connection)
    token = connection.cookies.get(SESSION_COOKIE)
    if token and (principal := await _by_session(state, token)):
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
    return await _by_session(state, token) or await _by_link(state, token)


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


async def _by_session(state: State, token: str) -> Principal | None:
    now_ms = state.now_ms()
    async with state.database.read() as conn:
        session = await secrets_store.find(conn, kind="session", token=token, now_s=now_ms // 1000)
        person = await accounts_store.person_by_id(conn, session.subject) if session else None
    if session is None or person is None or not person.may_sign_in:
        return None
    return principal_of(person, session_id=session.id, expires_s=session.expires_s or 0, proved_at_ms=now_ms)


def principal_of(person: accounts_store.Person, *, session_id: str, expires_s: int, proved_at_ms: int) -> Principal:
    is_customer = person.role == "customer"
    return Principal(
        role=person.role,
        person_id=person.id,
        account_id=person.account_id if is_customer else None,
        contact_id=person.id if is_customer else None,
        technician_id=person.technician_id,
        session_id=session_id,
        expires_at_ms=expires_s * 1000,
        proved_at_ms=proved_at_ms,
    )


async def _by_link(state: State, token: str) -> Principal | None:
    now_ms = state.now_ms()
    link = await living_link(state, token)
    if link is None:
        return None
    return Principal(
        role="link",
        person_id=None,
        contact_id=link.contact_id,
        appointment_id=link.appointment_id,
        session_id=link.id,
        expires_at_ms=link.expires_s * 1000,
        proved_at_ms=now_ms,
    )


async def authenticate_device(state: State, token: str) -> str | None:
    """The technician whose phone holds this token. Remembered for some seconds: phones ask at every fix."""
    if not 20 <= len(token) <= 200:
        return None
    key, now_ms = secrets_store.hash_token(token), state.now_ms()
    remembered = state.device_cache.get(key)
    if remembered is not None and remembered[1] > now_ms:
        return remembered[0]
    async with state.database.read() as conn:
        found = await secrets_store.find(conn, kind="device", token=token, now_s=now_ms // 1000)
    if found is None:
        state.device_cache.pop(key, None)
        return None
    if len(state.device_cache) >= _DEVICE_CACHE_SIZE:
        state.device_cache.clear()
    good_until_ms = now_ms + _DEVICE_CACHE_MS
    if found.expires_s is not None:
        good_until_ms = min(good_until_ms, found.expires_s * 1000)
    state.device_cache[key] = (found.subject, good_until_ms)
    return found.subject


def bearer_token(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
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
    fetch_site = connection.headers.get("sec-fetch-site")
    if fetch_site in ("cross-site", "same-site"):
        return False
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    netloc = urlsplit(origin).netloc.lower()
    ours = {connection.headers.get("host", "").lower()}
    if public_url := state_of(connection).settings.public_url:
        ours.add(urlsplit(public_url).netloc.lower())
    return bool(netloc) and netloc in ours
