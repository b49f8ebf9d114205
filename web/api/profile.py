"""GET, PUT /api/profile. Every field is optional."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from web import accounts_store
from web.api.session import browser_locale
from web.auth import require
from web.openapi import answer, decode_body, endpoint, resource
from web.state import state_of

PEOPLE = ("customer", "technician", "dispatcher", "admin")

# A picture of ours, or one that is in the value itself: a foreign address would tell its owner who looks.
PhotoUrl = Annotated[str, Meta(max_length=500, pattern=r"^/[^/\\]")]


class Profile(msgspec.Struct):
    """The person who is signed in. `locale` is a BCP 47 tag; null where nothing is known."""

    name: str
    email: str
    phone: str | None
    locale: str | None
    photo_url: str | None


class ProfileChange(msgspec.Struct):
    """The new values; a field that is null or absent is emptied. The e-mail address is not changed here."""

    name: Annotated[str, Meta(max_length=200)] | None = None
    phone: Annotated[str, Meta(max_length=40, pattern=r"^[0-9+()/ .\-x]*$")] | None = None
    locale: Annotated[str, Meta(max_length=35, pattern=r"^[A-Za-z0-9\-]*$")] | None = None
    photo_url: PhotoUrl | None = None


@endpoint("Read one's profile", tag="Access", answers={200: Profile})
async def read_profile(request: Request) -> Response:
    return await _profile(request, (await require(request, *PEOPLE)).person_id or "")


@endpoint("Change one's profile", tag="Access", body=ProfileChange, answers={200: Profile})
async def change_profile(request: Request) -> Response:
    person_id = (await require(request, *PEOPLE)).person_id or ""
    body = await decode_body(request, ProfileChange)
    async with state_of(request).database.transaction() as conn:
        await accounts_store.set_profile(
            conn,
            person_id=person_id,
            name=(body.name or "").strip(),
            phone=(body.phone or "").strip() or None,
            locale=body.locale or None,
            photo_url=body.photo_url,
        )
        await accounts_store.remember_browser_locale(conn, person_id=person_id, locale=browser_locale(request))
    return await _profile(request, person_id)


async def _profile(request: Request, person_id: str) -> Response:
    async with state_of(request).database.read() as conn:
        person = await accounts_store.person_by_id(conn, person_id)
    assert person is not None, "a session always belongs to somebody"
    return answer(Profile(person.name, person.email, person.phone, person.locale, person.photo_url))


routes: list[BaseRoute] = [resource("/api/profile", get=read_profile, put=change_profile)]
