"""Watchers without a socket: they keep what they were told, and stall when their room is used up."""

from __future__ import annotations

from typing import Any

import msgspec

from tracker.frames import frame
from tracker.hub import Hub
from tracker.watchers import Watcher

FAR_MS = 1 << 60


class Clock:
    """Milliseconds since 1970 that pass only when told to."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


class Listener(Watcher):
    """``room``: frames its socket takes before it is full."""

    __slots__ = ("cuts", "frames", "hub", "room")

    def __init__(
        self,
        hub: Hub,
        topic: str | None = None,
        *,
        room: int = 1 << 30,
        until_ms: int = FAR_MS,
        heartbeat: bool = False,
    ) -> None:
        super().__init__(write=self._take, principal=None, until_ms=until_ms)
        self.hub = hub
        self.room = room
        self.frames: list[bytes] = []
        self.cuts: list[int] = []
        if topic is not None:
            hub.subscribe(topic, self, heartbeat=heartbeat)

    def _take(self, data: bytes) -> None:
        assert not self.stalled, "written to although stalled"
        self.frames.append(data)
        self.room -= 1
        if self.room <= 0:
            self.hub.mark_stalled(self)

    def drain(self, room: int = 1 << 30) -> None:
        """The reader reads again."""
        self.room = room
        self.hub.mark_drained(self)

    def cut(self, code: int, reason: str) -> None:
        self.cuts.append(int(code))

    @property
    def told(self) -> list[Any]:
        """The messages, decoded."""
        return [msgspec.json.decode(payload_of(data)) for data in self.frames]

    def of_type(self, name: str) -> list[Any]:
        return [message for message in self.told if message["type"] == name]


def payload_of(data: bytes) -> bytes:
    """The payload of a server's text frame."""
    head = 2 if data[1] < 126 else 4 if data[1] == 126 else 10
    payload = data[head:]
    assert frame(payload) == data
    return payload
