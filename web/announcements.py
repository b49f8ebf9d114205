"""What one process of an installation did and all the others have to know before it counts as done.

Every process that is told does to its own watchers and memory what the first one did to its own. In one process there
is nobody to tell.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec

from tracker.bus.shared import SharedBus

log = logging.getLogger("enroute.announcements")


class VisitsChanged(msgspec.Struct, tag="visits", array_like=True):
    """Events of `slots.events` by name and as MessagePack, and where each technician is hidden (lat, lon, m)."""

    events: list[tuple[str, bytes]]
    zones: dict[str, tuple[tuple[float, float, float], ...]]


class SessionsEnded(msgspec.Struct, tag="sessions", array_like=True):
    """Live views opened with these sessions or links are cut with this close code."""

    session_ids: list[str]
    code: int
    reason: str


class PeopleChanged(msgspec.Struct, tag="people", array_like=True):
    """Accounts or people are not what they were: whoever watches is looked at again."""


class PhonesRevoked(msgspec.Struct, tag="phones", array_like=True):
    technician_id: str


class DutyChanged(msgspec.Struct, tag="duty", array_like=True):
    technician_id: str
    duty: str
    at_ms: int


class SwitchesChanged(msgspec.Struct, tag="switches", array_like=True):
    pass


class WatchersAsked(msgspec.Struct, tag="watchers", array_like=True):
    """Who sees this technician in your process? Answered with `list[tuple[person, by]]`."""

    technician_id: str


Announcement = (
    VisitsChanged | SessionsEnded | PeopleChanged | PhonesRevoked | DutyChanged | SwitchesChanged | WatchersAsked
)
WatchedBy = Literal["page", "link", "board"]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Announcement).decode
_decode_watchers = msgspec.msgpack.Decoder(dict[str, WatchedBy]).decode


class Announcements:
    """`to_all` returns when every living process has taken it in. `handle` one kind of announcement each; what a
    handler returns, or its coroutine in the end, is the answer."""

    def __init__(self, bus: SharedBus | None) -> None:
        self._bus = bus
        # Called before anything else that an announcement brings about.
        self.on_any: Callable[[], None] = lambda: None
        self._handlers: dict[type, Callable[[Any], Any]] = {}
        if bus is not None:
            bus.on_change = self._take_in

    @property
    def alone(self) -> bool:
        return self._bus is None

    def handle(self, kind: type, handler: Callable[[Any], Any]) -> None:
        self._handlers[kind] = handler

    async def to_all(self, announcement: Announcement) -> Sequence[bytes]:
        """Tell every other process, wait for each of them; their answers."""
        if self._bus is None:
            return ()
        return list((await self._bus.announce(_encode(announcement))).values())

    async def watchers_elsewhere(self, technician_id: str) -> dict[str, WatchedBy]:
        """Who sees the technician by the other processes: person or session -> by what."""
        found: dict[str, WatchedBy] = {}
        for answer in await self.to_all(WatchersAsked(technician_id)):
            try:
                found |= _decode_watchers(answer)
            except msgspec.DecodeError:
                log.warning("a process did not say who watches")
        return found

    def _take_in(self, body: bytes) -> bytes | Awaitable[bytes]:
        announcement = _decode(body)
        self.on_any()
        handler = self._handlers.get(type(announcement))
        answer = handler(announcement) if handler is not None else None
        return _taken_in(answer) if asyncio.iscoroutine(answer) else _encode(answer)


async def _taken_in(handling: Awaitable[Any]) -> bytes:
    return _encode(await handling)
