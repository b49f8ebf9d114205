"""Reads the visits afresh when changes of other processes may have been missed: after an outage of Redis, again and
again while it lasts, and once at start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from slots import booking
from tracker.bus.shared import SharedBus
from web.catching_up import catch_up_with, is_known
from web.rights_afresh import read_rights_afresh

if TYPE_CHECKING:
    from web.state import State

WHILE_CUT_OFF_S = 1.0
"""What is announced while Redis is away is heard of no later than this."""
TRY_AGAIN_S = 2.0
EVERY_S = 15.0
"""Also without a doubt: a process that Redis alone does not reach tells nobody what it changes."""
RIGHTS_EVERY_S = 5.0

log = logging.getLogger("enroute.afresh")


class Afresh:
    """`ask` whenever in doubt; several doubts are one reading."""

    def __init__(self, state: State, bus: SharedBus) -> None:
        self._state = state
        self._bus = bus
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        bus.on_doubt = self.ask

    def ask(self) -> None:
        self._asked.set()

    def start(self) -> None:
        self.ask()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="visits afresh")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        rights_s = 0.0
        rights_are_due = False
        while True:
            wait_s = EVERY_S if self._bus.connected else WHILE_CUT_OFF_S
            if rights_are_due:
                wait_s = min(wait_s, max(0.0, rights_s - loop.time()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._asked.wait()
            self._asked.clear()
            rights_are_due = True
            try:
                await self.read()
                now_s = loop.time()
                if now_s >= rights_s:
                    rights_s = now_s + RIGHTS_EVERY_S
                    await read_rights_afresh(self._state)
                    rights_are_due = False
            except Exception as error:
                log.warning("the visits could not be read afresh, trying again: %s", error)
                self._asked.set()
                await asyncio.sleep(TRY_AGAIN_S)

    async def read(self) -> None:
        """Every visit that is under way, by the database or as far as is known here, becomes what the database says."""
        state = self._state
        state.lookups.changed_elsewhere()
        known = {live.id for live in state.node.known_trips()}
        for each in await booking.under_way(state.booking):
            known.discard(each.id)
            if not is_known(state, each.id, version=each.version, driver=each.technician_id):
                await catch_up_with(state, each.id)
        for trip_id in known:
            await catch_up_with(state, trip_id)
