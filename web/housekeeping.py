"""Forgets what has had its time: fine tracks, the log of watches, dead secrets, old messages.

Of several processes on one database one does it, in each hour whichever looks first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import TYPE_CHECKING

from slots import hold_store, outbox_store
from web import leases_store, secrets_store, watch_log_store

if TYPE_CHECKING:
    from web.state import State

log = logging.getLogger("enroute.housekeeping")

EVERY_S = 3600
LOOK_EVERY_S = 600.0
# People who are asked about a message look back some weeks, not years.
MESSAGE_DAYS = 90
DAY_S = 86_400
LEASE = "housekeeping"


class Housekeeping:
    """One quiet task per process; `start()` and `close()`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._owner = secrets.token_hex(6)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="housekeeping")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                # The command line stores switches, too, and has no way to tell.
                await self._state.switches.follow(self._state.database)
                await self.look()
            except Exception:
                log.exception("housekeeping failed; trying again")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Tidy up if nobody has within the hour; whether this process did."""
        state = self._state
        async with state.database.read() as conn:
            is_taken = await leases_store.is_taken(conn, name=LEASE, now_s=state.now_s())
        if is_taken:
            return False
        async with state.database.transaction() as conn:
            mine = await leases_store.take(
                conn, name=LEASE, owner=self._owner, now_s=state.now_s(), until_s=state.now_s() + EVERY_S
            )
        if mine:
            await self.tidy()
        return mine

    async def tidy(self) -> None:
        """Delete what is older than its number of days."""
        state, now_s = self._state, self._state.now_s()
        kept_since_s = now_s - state.settings.fix_retention_days * DAY_S
        store = state.node.store
        await state.node.recorder.in_thread(lambda: store.make_ready(now_s * 1000))
        gone = await state.node.recorder.in_thread(lambda: store.purge(kept_since_s * 1000))
        async with state.database.transaction() as conn:
            await watch_log_store.purge(conn, before_ms=kept_since_s * 1000)
            await secrets_store.forget_expired(conn, before_s=now_s - DAY_S)
            await hold_store.forget_keys(conn, now_s=now_s)
            await outbox_store.purge_settled(conn, before_s=now_s - MESSAGE_DAYS * DAY_S)
        if gone:
            log.info("forgot %d fixes older than %d days", gone, state.settings.fix_retention_days)
