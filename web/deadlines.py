"""Who must be done by when, where everybody gets the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Protocol


class Overdue(Hashable, Protocol):
    def overdue(self, deadlines: Deadlines) -> None:
        """The time is over. May begin it again."""


class Deadlines:
    """`begin` starts somebody's time, `end` stops it. With one time for all, the order of beginning is the order of
    ending: one timer serves thousands, and beginning and ending are entries in a dictionary."""

    def __init__(self, within_s: float, *, loop: asyncio.AbstractEventLoop) -> None:
        self.within_s = within_s
        self._loop = loop
        self._until: dict[Overdue, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, somebody: Overdue) -> bool:
        return somebody in self._until

    def begin(self, somebody: Overdue) -> None:
        """Anew, if it has begun."""
        self._until.pop(somebody, None)
        self._until[somebody] = self._loop.time() + self.within_s
        if self._timer is None:
            self._timer = self._loop.call_later(self.within_s, self._look)

    def end(self, somebody: Overdue) -> None:
        self._until.pop(somebody, None)

    def _look(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        late = []
        for somebody, until_s in self._until.items():
            if until_s > now_s:
                break
            late.append(somebody)
        for somebody in late:
            del self._until[somebody]
        try:
            for somebody in late:
                somebody.overdue(self)
        finally:
            if self._until and self._timer is None:
                first_s = next(iter(self._until.values()))
                self._timer = self._loop.call_at(first_s, self._look)
