"""Bearer secrets: sessions, invitations, password resets, device tokens. Only their SHA-256 is stored.

A token is 32 random bytes, so a fast hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import BigInteger, Column, Index, Table, Text, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from web.accounts_store import metadata

Kind = Literal["session", "invitation", "reset", "device"]

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger),
    Column("used_s", BigInteger),
    Index("tokens_by_subject", "kind", "subject"),
)


class StoredToken(msgspec.Struct, frozen=True):
    """`subject` is a person's id, for a device token the technician's. `expires_s` None: until it is revoked."""

    id: str
    kind: str
    subject: str
    created_s: int
    expires_s: int | None
    used_s: int | None


_STORED = [tokens.c[name] for name in StoredToken.__struct_fields__]


def new_token() -> str:
    """43 characters, safe in a URL, a cookie and a subprotocol."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


async def issue(
    conn: AsyncConnection, *, kind: Kind, subject: str, now_s: int, expires_s: int | None
) -> tuple[str, str]:
    """A new token: (its id, the token itself). The token exists nowhere else: hand it over or lose it."""
    token_id, token = secrets.token_urlsafe(9), new_token()
    await conn.execute(
        insert(tokens).values(
            id=token_id,
            kind=kind,
            token_hash=hash_token(token),
            subject=subject,
            created_s=now_s,
            expires_s=expires_s,
        )
    )
    return token_id, token


async def find(conn: AsyncConnection, *, kind: Kind, token: str, now_s: int) -> StoredToken | None:
    """The token if it is of this kind, unused and not expired."""
    query = select(*_STORED).where(
        tokens.c.token_hash == hash_token(token), tokens.c.kind == kind, tokens.c.used_s.is_(None)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None or (row.expires_s is not None and row.expires_s <= now_s):
        return None
    return StoredToken(*row)


async def use(conn: AsyncConnection, *, kind: Kind, token: str, now_s: int) -> StoredToken | None:
    """Find it and spend it in one step: of any number of concurrent callers one gets it."""
    found = await find(conn, kind=kind, token=token, now_s=now_s)
    if found is None:
        return None
    spent = await conn.execute(
        update(tokens).where(tokens.c.id == found.id, tokens.c.used_s.is_(None)).values(used_s=now_s)
    )
    return found if spent.rowcount == 1 else None


async def of_subject(conn: AsyncConnection, *, kind: Kind, subject: str, now_s: int) -> list[StoredToken]:
    """The living ones, oldest first."""
    query = (
        select(*_STORED)
        .where(tokens.c.kind == kind, tokens.c.subject == subject, tokens.c.used_s.is_(None))
        .where((tokens.c.expires_s.is_(None)) | (tokens.c.expires_s > now_s))
        .order_by(tokens.c.created_s, tokens.c.id)
    )
    return [StoredToken(*row) for row in await conn.execute(query)]


async def living(conn: AsyncConnection, *, kind: Kind, ids: Sequence[str], now_s: int) -> set[str]:
    """Which of these token ids are still good."""
    query = (
        select(tokens.c.id)
        .where(tokens.c.kind == kind, tokens.c.id.in_(ids), tokens.c.used_s.is_(None))
        .where((tokens.c.expires_s.is_(None)) | (tokens.c.expires_s > now_s))
    )
    return set((await conn.execute(query)).scalars())


async def holders(conn: AsyncConnection, *, kind: Kind, subjects: Sequence[str]) -> set[str]:
    """Which of these have a token of this kind."""
    query = select(tokens.c.subject).where(tokens.c.kind == kind, tokens.c.subject.in_(subjects)).distinct()
    return set((await conn.execute(query)).scalars())


async def revoke(conn: AsyncConnection, *, token_id: str) -> bool:
    return (await conn.execute(delete(tokens).where(tokens.c.id == token_id))).rowcount > 0


async def revoke_all(conn: AsyncConnection, *, kind: Kind, subject: str) -> list[str]:
    """Forget every token of this kind that `subject` has; their ids, so that open sockets can be closed."""
    ids = list(
        (await conn.execute(select(tokens.c.id).where(tokens.c.kind == kind, tokens.c.subject == subject))).scalars()
    )
    if ids:
        await conn.execute(delete(tokens).where(tokens.c.id.in_(ids)))
    return ids


async def forget_expired(conn: AsyncConnection, *, before_s: int) -> int:
    """Housekeeping: drop what died before this instant."""
    return (await conn.execute(delete(tokens).where(tokens.c.expires_s < before_s))).rowcount
