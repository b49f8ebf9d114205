"""How long to stay away after a lost connection, and which close codes mean "do not come back". [pure]"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

SHORTEST_S = 0.5
FIRST_BOUND_S = 6.0
FIRST_BOUND_WHEN_LOST_S = 4.0
LONGEST_S = 20.0
DOUBLINGS = 5
LOST = 1006
"""The close code of a connection that ended without a word of the server."""


def comes_back(close_code: int) -> bool:
    """The server's own codes end in 500 to 999 where the client must stay away; everything else is temporary."""
    return not (4000 <= close_code < 5000 and close_code % 1000 >= 500)


@dataclass(slots=True)
class Backoff:
    """Full jitter: within 0.5–6 s first, 0.5–4 s after a lost connection, the bound doubling to 20 s; :meth:`worked`
    starts over. As static/js/backoff.js."""

    random: Random
    _tries: int = 0

    def next_s(self, close_code: int | None = LOST) -> float:
        """How long to wait after a connection that ended so, or was never made."""
        first_s = FIRST_BOUND_WHEN_LOST_S if close_code in (None, LOST) else FIRST_BOUND_S
        wait_s = self.random.uniform(SHORTEST_S, min(LONGEST_S, first_s * 2 ** min(self._tries, DOUBLINGS)))
        self._tries += 1
        return wait_s

    def worked(self) -> None:
        self._tries = 0
