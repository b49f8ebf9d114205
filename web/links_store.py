"""Tracking links: one visit, one recipient, no sign-in. Only the token's SHA-256 is stored."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from web.accounts_store import metadata
from web.secrets_store import hash_token, new_token

links = Table(
    "links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("appointment_id", Text, nullable=False),
    Column("contact_id", Text),
    Column("created_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Column("extended", Boolean, nullable=False),
    Column("longer_s", BigInteger, nullable=False, server_default=text("0")),
    Column("blocked_s", BigInteger),
    Column("opened_s", BigInteger),
    Index("links_by_appointment", "appointment_id"),
)


class Link(msgspec.Struct, frozen=True):
    """`extended`: somebody set `expires_s` by hand, so the end of the visit does not shorten it. `longer_s`: so much
    longer than the grace period it lives on after the visit. `opened_s`: when it was first opened."""

    id: str
    appointment_id: str
    contact_id: str | None
    created_s: int
    expires_s: int
    extended: bool
    longer_s: int
    blocked_s: int | None
    opened_s: int | None

    def is_alive(self, now_s: int) -> bool:
        return self.blocked_s is None and now_s < self.expires_s


_COLUMNS = [links.c[name] for name in Link.__struct_fields__]


async def add_link(
    conn: AsyncConnection, *, appointment_id: str, contact_id: str | None, now_s: int, expires_s: int
) -> tuple[Link, str]:
    """A new link and its token, which exists nowhere else."""
    token = new_token()
    link = Link(secrets.token_urlsafe(9), appointment_id, contact_id, now_s, expires_s, False, 0, None, None)
    await conn.execute(insert(links).values(msgspec.structs.asdict(link) | {"token_hash": hash_token(token)}))
    return link, token


async def link_by_token(conn: AsyncConnection, token: str) -> Link | None:
    """Dead ones too: ask `is_alive`."""
    row = (await conn.execute(select(*_COLUMNS).where(links.c.token_hash == hash_token(token)))).one_or_none()
    return Link(*row) if row else None


async def link_by_id(conn: AsyncConnection, link_id: str, *, to_change: bool = False) -> Link | None:
    """`to_change`: nobody else changes it until this transaction ends."""
    query = select(*_COLUMNS).where(links.c.id == link_id)
    row = (await conn.execute(query.with_for_update() if to_change else query)).one_or_none()
    return Link(*row) if row else None


async def living(conn: AsyncConnection, *, ids: Sequence[str], now_s: int) -> set[str]:
    """Which of these links are still good."""
    query = select(links.c.id).where(links.c.id.in_(ids), links.c.blocked_s.is_(None), links.c.expires_s > now_s)
    return set((await conn.execute(query)).scalars())


async def links_of(conn: AsyncConnection, appointment_id: str) -> list[Link]:
    query = select(*_COLUMNS).where(links.c.appointment_id == appointment_id).order_by(links.c.created_s, links.c.id)
    return [Link(*row) for row in await conn.execute(query)]


async def mark_opened(conn: AsyncConnection, *, link_id: str, now_s: int) -> None:
    await conn.execute(update(links).where(links.c.id == link_id, links.c.opened_s.is_(None)).values(opened_s=now_s))


async def set_expiry(conn: AsyncConnection, *, link_id: str, expires_s: int) -> None:
    """By hand: the end of the visit no longer shortens it. A blocked link stays blocked."""
    await conn.execute(update(links).where(links.c.id == link_id).values(expires_s=expires_s, extended=True))


async def set_longer(conn: AsyncConnection, *, link_id: str, longer_s: int) -> None:
    """How much longer than the grace period it lives on after the visit."""
    await conn.execute(update(links).where(links.c.id == link_id).values(longer_s=longer_s))


async def block(conn: AsyncConnection, *, link_id: str, now_s: int) -> None:
    await conn.execute(update(links).where(links.c.id == link_id, links.c.blocked_s.is_(None)).values(blocked_s=now_s))
