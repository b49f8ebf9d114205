"""Self-scheduling, technician tracking, surveys: on or off for the whole installation.

The settings give the first values; what somebody decided on the dispatcher's page is stored and wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import model
from slots.store import Database
from web import switches_store
from web.config import Settings


class SwitchValues(msgspec.Struct, frozen=True, kw_only=True):
    """The three switches, each for the whole installation."""

    self_scheduling: bool
    technician_tracking: bool
    surveys: bool


ALL_ON = SwitchValues(self_scheduling=True, technician_tracking=True, surveys=True)


class SwitchChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; what is absent stays."""

    self_scheduling: bool | None = None
    technician_tracking: bool | None = None
    surveys: bool | None = None


def first_values(settings: Settings) -> SwitchValues:
    """What holds until somebody decides otherwise."""
    return SwitchValues(
        self_scheduling=settings.self_scheduling,
        technician_tracking=settings.technician_tracking,
        surveys=settings.surveys,
    )


async def values_in_force(conn: AsyncConnection, first: SwitchValues) -> SwitchValues:
    """What is stored, else `first`."""
    stored = await switches_store.stored_switches(conn)
    known = {name: value for name, value in stored.items() if name in SwitchValues.__struct_fields__}
    return msgspec.structs.replace(first, **known)


class Switches:
    """The switches as this process knows them. `load()` reads what is stored."""

    def __init__(self, settings: Settings) -> None:
        self._first = self._values = first_values(settings)
        self._one_at_a_time = asyncio.Lock()
        # Awaited after a change: open live views follow the tracking switch at once.
        self.listeners: list[Callable[[], Awaitable[None]]] = []

    @property
    def first(self) -> SwitchValues:
        """What the settings say."""
        return self._first

    @property
    def values(self) -> SwitchValues:
        return self._values

    @property
    def self_scheduling(self) -> bool:
        return self._values.self_scheduling

    @property
    def technician_tracking(self) -> bool:
        return self._values.technician_tracking

    @property
    def surveys(self) -> bool:
        return self._values.surveys

    def for_slots(self) -> model.Switches:
        """The same, in the words of `slots`."""
        return model.Switches(
            self_scheduling=self.self_scheduling, tracking=self.technician_tracking, surveys=self.surveys
        )

    async def load(self, database: Database) -> bool:
        """Whether anything is another now."""
        # What is read may not be put over what is changed meanwhile.
        async with self._one_at_a_time, database.read() as conn:
            before, self._values = self._values, await values_in_force(conn, self._first)
        return self._values != before

    async def follow(self, database: Database) -> None:
        """Take over what an import has stored; the listeners are told if that is a change."""
        if await self.load(database):
            await self._tell()

    async def change(self, database: Database, change: SwitchChange) -> SwitchValues:
        """Store the given ones, then tell the listeners."""
        changed = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
        async with self._one_at_a_time:
            async with database.transaction() as conn:
                for name, value in changed.items():
                    await switches_store.put_switch(conn, name=name, value=value)
            self._values = msgspec.structs.replace(self._values, **changed)
        await self._tell()
        return self._values

    async def _tell(self) -> None:
        """Everybody, also when one of them fails; then that is raised."""
        told = await asyncio.gather(*(tell() for tell in self.listeners), return_exceptions=True)
        for outcome in told:
            if isinstance(outcome, BaseException):
                raise outcome
