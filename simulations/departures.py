"""When each fix left its phone, so that the watcher of the same process can tell how long it took. [pure]"""

from __future__ import annotations

from collections import OrderedDict

KEPT = 200_000


class Departures:
    """Milliseconds since 1970 by (visit, ``fixed_at``); the oldest are forgotten."""

    def __init__(self) -> None:
        self._sent_ms: OrderedDict[tuple[str, int], float] = OrderedDict()

    def left(self, visit: str, fixed_at: int, now_ms: float) -> None:
        self._sent_ms[visit, fixed_at] = now_ms
        if len(self._sent_ms) > KEPT:
            self._sent_ms.popitem(last=False)

    def took_ms(self, visit: str, fixed_at: int, now_ms: float) -> float | None:
        sent_ms = self._sent_ms.get((visit, fixed_at))
        return None if sent_ms is None else now_ms - sent_ms
