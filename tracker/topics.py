"""A topic: who watches it, and what they are still to be told."""

from __future__ import annotations

from collections import deque
from typing import Any

from tracker.watchers import NEVER_MS, Message, Watcher


class Topic:
    """The watchers of one trip, one contact's home page, or the board.

    ``sockets`` are those that take bytes, by file descriptor; ``others`` the stalled ones and those without a
    socket. ``until_ms``: no right to watch ends before. ``due``: what is told at the end of the turn. ``backlog``:
    what a crowd is told slice by slice. ``batch``: the last go of writes it was a part of. ``patient``: its watchers do
    not mind some hundredths of a second.
    """

    __slots__ = ("backlog", "batch", "due", "name", "others", "patient", "sockets", "until_ms")

    def __init__(self, name: str, *, patient: bool = False) -> None:
        self.name = name
        self.patient = patient
        self.sockets: dict[int, Watcher] = {}
        self.others: dict[Watcher, None] | None = None
        self.until_ms = NEVER_MS
        self.due: list[Message] | None = None
        self.batch = 0
        self.backlog: deque[list[Any]] | None = None

    @property
    def watchers(self) -> list[Watcher]:
        return [*self.sockets.values(), *(self.others or ())]

    @property
    def count(self) -> int:
        return len(self.sockets) + (len(self.others) if self.others else 0)

    def place(self, watcher: Watcher) -> None:
        if watcher.fd >= 0 and not watcher.stalled:
            self.sockets[watcher.fd] = watcher
        elif self.others is None:
            self.others = {watcher: None}
        else:
            self.others[watcher] = None

    def displace(self, watcher: Watcher) -> None:
        if self.others:
            self.others.pop(watcher, None)
        if self.sockets.get(watcher.fd) is watcher:
            del self.sockets[watcher.fd]
