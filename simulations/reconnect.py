"""How long to stay away after a lost connection, and which close codes mean "do not come back". [pure]"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST_S = (0.5, 4.0)
LONGEST_S = 20.0


def comes_back(close_code: int) -> bool:
    """The server's own codes end in 500 to 999 where the client must stay away; everything else is temporary."""
    return not (4000 <= close_code < 5000 and close_code % 1000 >= 500)


@dataclass(slots=True)
class Backoff:
    """Full jitter: within 0.5–4 s first, the bound doubling to 20 s; :meth:`worked` starts over."""

    random: Random
    _bound_s: float = FIRST_S[1]

    def next_s(self) -> float:
        wait_s = self.random.uniform(FIRST_S[0], self._bound_s)
        self._bound_s = min(LONGEST_S, 2 * self._bound_s)
        return wait_s

    def worked(self) -> None:
        self._bound_s = FIRST_S[1]
