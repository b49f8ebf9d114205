"""How many watches each session has open in this process."""

from __future__ import annotations

from collections import Counter

MAX_WATCHES = 24
"""Open watches of one session or link: a family's tabs and phones, not a crawler's thousand sockets."""


class Watches:
    """Counts by session id; staff are not counted (a board may be open on every wall)."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def begin(self, session_id: str, *, unlimited: bool = False) -> bool:
        """False when this session has too many open already."""
        if self._open[session_id] >= MAX_WATCHES and not unlimited:
            return False
        self._open[session_id] += 1
        return True

    def end(self, session_id: str) -> None:
        self._open[session_id] -= 1
        if self._open[session_id] <= 0:
            del self._open[session_id]
