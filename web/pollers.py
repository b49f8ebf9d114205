"""Who asks again and again instead of holding a socket open. Values and rules.

What they see is a technician, or the board of all (``trip_id`` and ``technician_id`` None).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from web.principals import Principal

LOGGED_EVERY_MS = 3_600_000
STILL_THERE_MS = 60_000
"""Our page asks every 5 s, programs less often: who asked within this will ask again."""

Sight = tuple[str | None, str | None, str]


@dataclass(slots=True)
class _Poll:
    principal: Principal
    asked_ms: int
    logged_ms: int


class Pollers:
    """Whoever asked within the hour, in the order of their last question."""

    def __init__(self) -> None:
        self._polls: dict[Sight, _Poll] = {}

    def asked(self, *, trip_id: str | None, technician_id: str | None, principal: Principal, now_ms: int) -> bool:
        """Somebody asked, and was shown. Whether that is to be logged: the first time, and then once an hour."""
        self._forget(now_ms)
        sight = (trip_id, technician_id, principal.session_id)
        poll = self._polls.pop(sight, None)
        is_due = poll is None or now_ms - poll.logged_ms >= LOGGED_EVERY_MS
        self._polls[sight] = _Poll(principal, now_ms, now_ms if poll is None or is_due else poll.logged_ms)
        return is_due

    def still_there(self, trip_id: str | None, *, now_ms: int) -> Iterator[Principal]:
        """Who asked for this visit, or for the board, a moment ago."""
        for (seen_id, _, _), poll in reversed(self._polls.items()):
            if poll.asked_ms <= now_ms - STILL_THERE_MS:
                return
            if seen_id == trip_id:
                yield poll.principal

    def _forget(self, now_ms: int) -> None:
        while self._polls:
            oldest = next(iter(self._polls))
            if self._polls[oldest].asked_ms > now_ms - LOGGED_EVERY_MS:
                return
            del self._polls[oldest]
