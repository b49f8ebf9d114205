"""Keeps a log of who watched whom: whoever begins to see a technician, be it that they come to watch or that the
technician sets off. Written in batches beside the watch: nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from slots.store import Database
from tracker.board import BOARD_TOPIC
from tracker.node import Node
from web.announcements import WatchedBy
from web.pollers import Pollers
from web.principals import Principal
from web.watch_log_store import WatchEntry, add_entries

BATCH_S = 1.0
MAX_WAITING = 50_000
"""Entries kept while the database is away; a storm of reconnecting watchers beyond that is counted, not listed."""

log = logging.getLogger("enroute.watch_log")


def watched_by(role: str) -> WatchedBy:
    """By what somebody in this role watches."""
    return "link" if role == "link" else "board" if role in ("dispatcher", "admin") else "page"


class WatchLog:
    """``watch_begins``, ``polled``, ``technician_begins`` and the board's queue entries; ``close`` writes what is left.
    Times are ms since 1970."""

    def __init__(self, *, database: Database, node: Node) -> None:
        self._database = database
        self._node = node
        self._waiting: list[WatchEntry] = []
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.left_out = 0
        self.pollers = Pollers()

    def watch_begins(self, *, trip_id: str, principal: Principal, now_ms: int) -> None:
        """Somebody holds the stream of the visit open from now on; whom they see there may be yet to come."""
        technician_id = self.seen_on(trip_id)
        if technician_id is not None:
            self._note(trip_id, technician_id, principal, now_ms)

    def polled(self, *, trip_id: str, principal: Principal, now_ms: int) -> None:
        """Somebody was told where the visit stands."""
        technician_id = self.seen_on(trip_id)
        if technician_id is not None and self.pollers.asked(
            trip_id=trip_id, technician_id=technician_id, principal=principal, now_ms=now_ms
        ):
            self._note(trip_id, technician_id, principal, now_ms)

    def technician_begins(self, trip_id: str, *, before: str | None, now_ms: int) -> None:
        """Whoever watches the visit, or the board, already begins to see its technician; ``before`` is whom they saw
        there until now."""
        technician_id = self.seen_on(trip_id)
        if technician_id is None or technician_id == before:
            return
        hub = self._node.hub
        watching = [
            watcher.principal for name in (self._node.topic(trip_id), BOARD_TOPIC) for watcher in hub.watchers(name)
        ]
        # Who polls the visit is noted when they ask again.
        for principal in (*watching, *self.pollers.still_there(None, now_ms=now_ms)):
            if principal is not None:
                self._note(trip_id, technician_id, principal, now_ms)

    def board_begins(self, principal: Principal, *, now_ms: int) -> None:
        """A dispatcher holds the board open from now on."""
        self._note(None, None, principal, now_ms)

    def board_polled(self, principal: Principal, *, now_ms: int) -> None:
        """A dispatcher was told where everybody is."""
        if self.pollers.asked(trip_id=None, technician_id=None, principal=principal, now_ms=now_ms):
            self._note(None, None, principal, now_ms)

    def seen_on(self, trip_id: str) -> str | None:
        """The technician whom the watchers of this visit may see now."""
        live = self._node.known_trip(trip_id)
        if live is None or live.technician is None or live.facts is None or not live.facts.tracking:
            return None
        return live.technician.id

    def _note(self, trip_id: str | None, technician_id: str | None, principal: Principal, now_ms: int) -> None:
        if technician_id is not None and principal.technician_id == technician_id:
            return
        if len(self._waiting) >= MAX_WAITING:
            self.left_out += 1
            return
        person_id = principal.person_id or principal.contact_id
        self._waiting.append(
            WatchEntry(trip_id, technician_id, principal.role, person_id, principal.session_id, now_ms)
        )
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="watch log")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self.write()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(BATCH_S)
            self._wake.clear()
            await self.write()

    async def write(self) -> None:
        """Write what waits, for somebody who is about to read it; it goes on waiting while the database is away."""
        async with self._writing:
            entries, self._waiting = self._waiting, []
            if not entries:
                return
            try:
                async with self._database.transaction() as conn:
                    await add_entries(conn, entries)
            except BaseException as error:
                self._waiting = entries + self._waiting
                self._wake.set()
                if not isinstance(error, Exception):
                    raise
                log.warning("%d entries of the watch log wait for the database: %s", len(entries), error)
