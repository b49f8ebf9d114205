"""The wall clock of one run, in the two forms that simulations need."""

from __future__ import annotations

import time


class RunClock:
    """``elapsed_s`` since the run began; ``now_ms`` since 1970. ``now_ms`` never goes back."""

    def __init__(self) -> None:
        self._began_ms = time.time() * 1000
        self._began_s = time.perf_counter()

    def start_over(self) -> None:
        """``elapsed_s`` begins at 0 again; ``now_ms`` goes on."""
        now_s = time.perf_counter()
        self._began_ms += 1000 * (now_s - self._began_s)
        self._began_s = now_s

    def elapsed_s(self) -> float:
        return time.perf_counter() - self._began_s

    def now_ms(self) -> float:
        return self._began_ms + 1000 * self.elapsed_s()
