"""Keeps a log of who watched whom, written in batches beside the watch: nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from slots.store import Database
from tracker.node import Node
from web.auth import Principal
from web.watch_log_store import WatchEntry, add_entries

BATCH_S = 1.0
MAX_WAITING = 50_000
"""Entries kept while the database is away; a storm of reconnecting watchers beyond that is counted, not listed."""

log = logging.getLogger("enroute.watch_log")


class WatchLog:
    """``note`` queues an entry; ``close`` writes what is left."""

    def __init__(self, *, database: Database, node: Node) -> None:
        self._database = database
        self._node = node
        self._waiting: list[WatchEntry] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.left_out = 0

    def note(self, *, trip_id: str, principal: Principal, now_ms: int) -> None:
        """A watch of the visit began. ``now_ms``: ms since 1970."""
        if len(self._waiting) >= MAX_WAITING:
            self.left_out += 1
            return
        technician_id = self._node.technician_of(trip_id)
        self._waiting.append(
            WatchEntry(trip_id, technician_id, principal.role, principal.person_id, principal.session_id, now_ms)
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
        await self._write()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(BATCH_S)
            self._wake.clear()
            await self._write()

    async def _write(self) -> None:
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        try:
            async with self._database.transaction() as conn:
                await add_entries(conn, entries)
        except Exception as error:
            log.warning("%d entries of the watch log wait for the database: %s", len(entries), error)
            self._waiting = entries + self._waiting
            self._wake.set()
