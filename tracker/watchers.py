"""Messages, the watchers they are for, and a watcher's mailbox. Values and rules; the hub moves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tracker.frames import frame

if TYPE_CHECKING:
    from tracker.topics import Topic

MAX_KEPT = 64
"""States a stalled watcher may miss before it is cut; a visit has a dozen in its whole life."""
NEVER_MS = 1 << 60
"""Compiled code compares what fits 63 bits with a sign in place, and calls for what does not."""


class Message(msgspec.Struct, gc=False):
    """One thing to tell, encoded and framed once. ``conflates``: a newer one makes it worthless. ``located``: it
    says where the technician is."""

    payload: bytes
    seq: int
    conflates: bool
    located: bool
    frame: bytes

    @classmethod
    def of(cls, payload: bytes, *, seq: int = 0, conflates: bool = False, located: bool = False) -> Message:
        """Frame a payload. What conflates is a position, and so says where the technician is."""
        return cls(payload, seq, conflates, located or conflates, frame(payload))


class Watcher:
    """One subscription and its mailbox. A shell (websocket, event stream) derives from it.

    ``fd`` is the file descriptor of its socket; a shell without one (-1) takes frames by ``write``. ``stalled`` is
    set while it must not be written to. ``until_ms`` ends the right to watch; ``principal`` is opaque here and lets
    a revocation find its watchers.
    """

    __slots__ = (
        "_kept",
        "_latest",
        "beat",
        "fd",
        "principal",
        "stalled",
        "stalled_at",
        "topic",
        "until_ms",
        "write",
    )

    def __init__(self, *, write: Callable[[bytes], Any], principal: Any, until_ms: int) -> None:
        self.fd = -1
        self.write = write
        self.principal = principal
        self.until_ms = until_ms
        self.stalled = False
        self.stalled_at = 0.0
        self.topic: Topic | None = None
        self.beat = -1
        self._latest: Message | None = None
        self._kept: list[Message] | None = None

    def send_frame(self, data: bytes) -> None:
        """Write one frame now."""
        self.write(data)

    def choke(self, rest: bytes) -> None:
        """The socket is full; ``rest`` is what it did not take of a frame it took a part of."""
        raise NotImplementedError

    def abort(self) -> None:
        """The socket is broken."""
        raise NotImplementedError

    def keep(self, message: Message) -> bool:
        """Hold a message for a reader that is behind; False when it is too far behind to hold more."""
        if message.conflates:
            self._latest = message
            return True
        if self._kept is None:
            self._kept = []
        self._kept.append(message)
        return len(self._kept) <= MAX_KEPT

    def drop_positions(self) -> None:
        self._latest = None
        if self._kept is not None:
            self._kept = [message for message in self._kept if not message.located]

    def take(self) -> list[Message]:
        """The held messages in the order of their seq; the mailbox is empty afterwards."""
        kept = self._kept or []
        if self._latest is not None:
            kept.append(self._latest)
            kept.sort(key=lambda message: message.seq)
        self._kept = None
        self._latest = None
        return kept

    def cut(self, code: int, reason: str) -> None:
        """End this watch: tell why if the socket still takes it, then be gone."""
        raise NotImplementedError
