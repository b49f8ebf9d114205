"""Does the thread of the event loop have all it can do? Asked now and then, by whoever would give it more to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

WINDOW_S: Final = 1.0
STRAINED: Final = 0.75
"""The share of its time in which a thread works or waits for a processor, from which on it has no room for more."""

_SCHEDSTAT: Final = Path("/proc/thread-self/schedstat")


def occupied_s() -> float:
    """Seconds that the calling thread has worked so far; on Linux with those in which it could have and others did."""
    try:
        worked_ns, waited_ns, _ = map(int, _SCHEDSTAT.read_text().split())
    except (OSError, ValueError):
        worked_ns = waited_ns = 0
    # A kernel that keeps no such account says 0.
    return (worked_ns + waited_ns) / 1e9 if worked_ns else time.thread_time()


class Strain:
    """Of one thread, which asks for itself."""

    def __init__(self, occupied_s: Callable[[], float] = occupied_s) -> None:
        self._occupied = occupied_s
        self._looked_s: float | None = None
        self._occupied_s = 0.0
        self._is_strained = False

    def is_strained(self, now_s: float) -> bool:
        """Since it was asked before, ``WINDOW_S`` ago at least; not known the first time, and so not claimed.
        ``now_s`` goes forward only."""
        looked_s = self._looked_s
        if looked_s is None or now_s - looked_s >= WINDOW_S:
            occupied_s = self._occupied()
            if looked_s is not None:
                self._is_strained = occupied_s - self._occupied_s > STRAINED * (now_s - looked_s)
            self._looked_s, self._occupied_s = now_s, occupied_s
        return self._is_strained
