"""What every handshake and nearly every request asks the database: whose proof is this, and what is that visit?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from slots.store import Database
from web.batches import Batches
from web.links_store import Link
from web.lookups_store import LookupStore, StoredDevice, WatchedVisit
from web.principals import Principal, principal_of
from web.secrets_store import hash_token


class ReadLink(msgspec.Struct, frozen=True):
    """A link as it was at `read_at_ms`; perhaps a dead one."""

    link: Link
    read_at_ms: int


class Lookups:
    """Look-ups by token and by id, batched and remembered for a second. A change made by this process counts at once,
    one that another announces when it is announced, any other within that second. Every look-up raises Problem `busy`
    when the database does not answer."""

    def __init__(self, database: Database, *, now_ms: Callable[[], int]) -> None:
        self._store = store = LookupStore(database)
        self._now_ms = now_ms
        self.sessions: Batches[str, Principal] = Batches(self._read_sessions, mark=store.sessions_mark)
        self.links: Batches[str, ReadLink] = Batches(self._read_links, mark=store.links_mark)
        self.devices: Batches[str, StoredDevice] = Batches(store.devices, mark=store.devices_mark)
        self.visits: Batches[str, WatchedVisit] = Batches(store.visits, mark=store.visits_mark)

    def changed_elsewhere(self) -> None:
        """Another process changed something: nothing that was read until now is relied on any more."""
        store = self._store
        for mark in (store.sessions_mark, store.links_mark, store.devices_mark, store.visits_mark):
            mark.number += 1

    async def session(self, token: str) -> Principal | None:
        """Who signed in with this token, while the session lives."""
        principal = await self.sessions.get(hash_token(token))
        return principal if principal is not None and principal.expires_at_ms > self._now_ms() else None

    async def link(self, token: str) -> ReadLink | None:
        """The tracking link of this token, a dead one too."""
        return await self.links.get(hash_token(token))

    async def device(self, token: str) -> StoredDevice | None:
        """The phone that holds this token, an expired one too."""
        return await self.devices.get(hash_token(token))

    async def visit(self, appointment_id: str) -> WatchedVisit | None:
        """The visit; the right to see it is the caller's to check."""
        return await self.visits.get(appointment_id)

    async def _read_sessions(self, token_hashes: Sequence[str]) -> dict[str, Principal]:
        read_at_ms = self._now_ms()
        return {
            token_hash: principal_of(
                session.person, session_id=session.id, expires_s=session.expires_s, proved_at_ms=read_at_ms
            )
            for token_hash, session in (await self._store.sessions(token_hashes)).items()
            if session.person.may_sign_in
        }

    async def _read_links(self, token_hashes: Sequence[str]) -> dict[str, ReadLink]:
        read_at_ms = self._now_ms()
        stored = await self._store.links(token_hashes)
        return {token_hash: ReadLink(link, read_at_ms) for token_hash, link in stored.items()}
