"""[pure] What this installation's keys and channels in Redis are called.

All share one hash tag, so that a Redis Cluster keeps them on one of its servers, where scripts may use them together.
Channels know nothing of databases, so they are named after theirs.
"""

from __future__ import annotations

import re

EVERYBODY = "all"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class RedisNames:
    """Raises ValueError for an installation's name that is not made of up to 64 letters, digits and `_.-`."""

    def __init__(self, installation: str, *, db: int = 0) -> None:
        if not _NAME.fullmatch(installation):
            raise ValueError(f"an installation is named by 1 to 64 letters, digits and _.- ; not {installation!r}")
        self.tag = f"{{enroute:{installation}}}"
        self.members = f"{self.tag}:members"
        self.meta = f"{self.tag}:meta"
        self._channels = f"{self.tag}:{db}:"

    def channel(self, receiver: str) -> bytes:
        """Of one process, by its id, or of `EVERYBODY`."""
        return (self._channels + receiver).encode()

    def claim(self, key: str) -> str:
        return f"{self.tag}:claim:{key}"

    def state(self, key: str) -> str:
        return f"{self.tag}:state:{key}"
