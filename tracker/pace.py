"""[pure] When the sockets are looked at: at every arrival while it is quiet, in ticks under load.

A wake-up costs as much as several fixes, whatever it brings: while a process sleeps its code and data leave the caches.
So under load arrivals wait for company.
"""

from __future__ import annotations

from typing import Final

WINDOW_S: Final = 0.05
IDLE_SHARE: Final = 0.25
"""It is quiet only if so many of the ticks found nothing: one socket may bring many fixes and is ready once a tick."""


class Habit:
    """``busy_wakes``: wake-ups in one window from which on ticks are cheaper. ``quiet_events``: ready sockets in one
    window below which an arrival may wake the loop again. A tick is made long enough to find ``company`` ready sockets,
    between ``shortest_s`` and ``longest_s``."""

    __slots__ = ("busy_wakes", "company", "longest_s", "quiet_events", "shortest_s")

    def __init__(
        self, *, busy_wakes: int, quiet_events: int, company: int, shortest_s: float, longest_s: float
    ) -> None:
        self.busy_wakes = busy_wakes
        self.quiet_events = quiet_events
        self.company = company
        self.shortest_s = shortest_s
        self.longest_s = longest_s


ALONE: Final = Habit(busy_wakes=100, quiet_events=50, company=10, shortest_s=0.002, longest_s=0.004)
"""From 2000 wake-ups a second: 2 ms at 5000 ready sockets a second, a third of the CPU for a delay nobody sees."""
SHARED: Final = Habit(busy_wakes=25, quiet_events=12, company=20, shortest_s=0.002, longest_s=0.008)
"""While processes say much to each other: each has a part of the load, its own wake-ups and those for what the others
say. What one tells the other waits for up to 8 ms anyway, for the tick of the exchange; what stays in one process does
so, too."""
PATIENT: Final = Habit(busy_wakes=5, quiet_events=3, company=0, shortest_s=0.02, longest_s=0.02)
"""While nobody watches a position as it comes: boards are told twice a second."""


class Pace:
    """Tell it of every wake-up for a socket while it is quiet, and of every tick while it is not. Times in seconds, of
    any clock that does not go back."""

    __slots__ = ("_events", "_idle_ticks", "_tick_s", "_ticks", "_wakes", "_window_s")

    def __init__(self) -> None:
        self._window_s = 0.0
        self._wakes = 0
        self._events = 0
        self._ticks = 0
        self._idle_ticks = 0
        self._tick_s = 0.0

    def is_busy(self, now_s: float, habit: Habit) -> bool:
        """Something woke us. Is it time for ticks? Then the first is due after ``habit.shortest_s``."""
        passed_s = now_s - self._window_s
        if passed_s <= WINDOW_S:
            self._wakes += 1
            return False
        busy = self._wakes > habit.busy_wakes and passed_s < 2 * WINDOW_S
        self._begin_window(now_s)
        self._tick_s = 0.0
        return busy

    def next_tick_s(self, now_s: float, habit: Habit, *, ready: int) -> float | None:
        """So many sockets were ready at this tick: how long until the next, or None if it is quiet again."""
        self._events += ready
        self._ticks += 1
        if not ready:
            self._idle_ticks += 1
        passed_s = now_s - self._window_s
        if passed_s > WINDOW_S:
            events = self._events
            quiet = events < habit.quiet_events and self._idle_ticks >= IDLE_SHARE * self._ticks
            self._begin_window(now_s)
            if quiet:
                return None
            self._tick_s = habit.company * passed_s / max(events, 1)
        return min(habit.longest_s, max(habit.shortest_s, self._tick_s))

    def _begin_window(self, now_s: float) -> None:
        self._window_s = now_s
        self._wakes = self._events = self._ticks = self._idle_ticks = 0
