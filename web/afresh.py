"""Reads the visits afresh when changes of other processes may have been missed: after an outage of Redis, again and
again while it lasts, and once at start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from slots import booking
from slots.errors import NotFound
from slots.model import AppointmentView, Status
from tracker.bus.shared import SharedBus
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
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S if self._bus.connected else WHILE_CUT_OFF_S):
                    await self._asked.wait()
            self._asked.clear()
            try:
                await self.read()
                now_s = loop.time()
                if now_s >= rights_s:
                    rights_s = now_s + RIGHTS_EVERY_S
                    await read_rights_afresh(self._state)
            except Exception as error:
                log.warning("the visits could not be read afresh, trying again: %s", error)
                self._asked.set()
                await asyncio.sleep(TRY_AGAIN_S)

    async def read(self) -> None:
        """Every visit that is under way, by the database or as far as is known here, becomes what the database says."""
        state = self._state
        state.lookups.changed_elsewhere()
        known = {live.id for live in state.node.known_trips()}
        under_way = await booking.traveling(state.booking)
        for view in under_way:
            known.discard(view.id)
            await self._adjust(view)
        for trip_id in known:
            with contextlib.suppress(NotFound):
                await self._adjust(await booking.get(state.booking, appointment_id=trip_id))

    async def _adjust(self, view: AppointmentView) -> None:
        state, node = self._state, self._state.node
        live = node.known_trip(view.id)
        facts = live.facts if live is not None else None
        driver = live.technician.id if live is not None and live.technician is not None else None
        traveling = view.status is Status.TRAVELING
        expected = view.technician.id if traveling else None
        if facts is not None and facts.version >= view.version and driver == expected:
            return
        if traveling:
            await state.bridge.prepare(view.technician.id)
        state.bridge.take_up(view, driver=driver)
