"""How many watches each session has open in this process, and which sessions ended a moment ago."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from web.auth import Principal

MAX_WATCHES = 24
"""Open watches of one session or link: a family's tabs and phones, not a crawler's thousand sockets."""
REVOKED_KEPT_MS = 60_000
"""Longer than any database takes between looking at a proof and the watch it opens."""


class Watches:
    """Counts by session id; staff are not counted (a board may be open on every wall)."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._revoked_ms: dict[str, int] = {}

    def begin(self, principal: Principal) -> bool:
        """False when this session has too many open already, or ended after its proof was looked at."""
        session_id = principal.session_id
        if self._revoked_ms.get(session_id, -1) >= principal.proved_at_ms:
            return False
        if self._open[session_id] >= MAX_WATCHES and not principal.is_staff:
            return False
        self._open[session_id] += 1
        return True

    def end(self, session_id: str) -> None:
        self._open[session_id] -= 1
        if self._open[session_id] <= 0:
            del self._open[session_id]

    def revoke(self, session_ids: set[str], *, now_ms: int) -> None:
        """These ended, or changed: what was proved up to now opens nothing any more."""
        kept = {name: at_ms for name, at_ms in self._revoked_ms.items() if at_ms > now_ms - REVOKED_KEPT_MS}
        self._revoked_ms = kept | dict.fromkeys(session_ids, now_ms)
