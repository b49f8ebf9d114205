"""When to leave a failing server alone, and when to try it again. [pure]

closed → open after ``in_a_row`` failures, or when ``share`` of the last ``of_last`` answers failed; open → half-open
when the pause is over; half-open lets one question through, and its answer closes the breaker or opens it for a pause
twice as long. Whoever may ask gets a ticket and owes one of ``succeeded``, ``failed`` or ``gave_up`` for it. Tickets of
an earlier state count for nothing: an answer that was long on its way says little about now.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final


class BreakerState(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


CLOSED: Final = BreakerState.CLOSED
OPEN: Final = BreakerState.OPEN
HALF_OPEN: Final = BreakerState.HALF_OPEN

IN_A_ROW = 5
OF_LAST = 20
SHARE = 0.5
FIRST_PAUSE_S = 5.0
"""A server that is restarted with its data in memory is back by then or by the second time."""
LONGEST_PAUSE_S = 300.0
CALMEST = 0.5
"""A pause lasts between this share of itself and the whole: several processes do not come back at once."""

Ticket = int


class Breaker:
    """``state`` and ``pause_s`` (of the latest opening) may be read; the methods that return bool tell of a change."""

    __slots__ = (
        "_first_pause_s",
        "_in_a_row",
        "_last",
        "_longest_pause_s",
        "_next_pause_s",
        "_of_last",
        "_probing",
        "_row",
        "_share",
        "_term",
        "pause_s",
        "retry_at_s",
        "state",
    )

    def __init__(
        self,
        *,
        in_a_row: int = IN_A_ROW,
        of_last: int = OF_LAST,
        share: float = SHARE,
        first_pause_s: float = FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._in_a_row = in_a_row
        self._of_last = of_last
        self._share = share
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._next_pause_s = first_pause_s
        self._last: deque[bool] = deque(maxlen=of_last)
        self._row = 0
        self._term = 0
        self._probing = False
        self.state: BreakerState = CLOSED
        self.pause_s = 0.0
        self.retry_at_s = 0.0

    def may_ask(self, now_s: float) -> bool:
        """Whether ``ask`` would give a ticket now."""
        if self.state is OPEN:
            return now_s >= self.retry_at_s
        return self.state is CLOSED or not self._probing

    def ask(self, now_s: float) -> Ticket | None:
        """A ticket to ask the server, or None: leave it alone."""
        if not self.may_ask(now_s):
            return None
        if self.state is OPEN:
            self._turn(HALF_OPEN)
        self._probing = self.state is HALF_OPEN
        return self._term

    def succeeded(self, ticket: Ticket) -> bool:
        if ticket != self._term:
            return False
        if self.state is HALF_OPEN:
            self._turn(CLOSED)
            self._next_pause_s = self._first_pause_s
            return True
        self._row = 0
        self._last.append(True)
        return False

    def failed(self, ticket: Ticket, now_s: float, chance: float) -> bool:
        """``chance``, from 0 up to 1, makes the pause shorter or longer."""
        if ticket != self._term:
            return False
        if self.state is CLOSED:
            self._row += 1
            self._last.append(False)
            failures = self._last.count(False)
            if self._row < self._in_a_row and (
                len(self._last) < self._of_last or failures < self._share * self._of_last
            ):
                return False
        self._turn(OPEN)
        self.pause_s = self._next_pause_s * (CALMEST + (1.0 - CALMEST) * chance)
        self.retry_at_s = now_s + self.pause_s
        self._next_pause_s = min(2.0 * self._next_pause_s, self._longest_pause_s)
        return True

    def gave_up(self, ticket: Ticket) -> None:
        """The question was taken back before it could be answered."""
        if ticket == self._term:
            self._probing = False

    def _turn(self, state: BreakerState) -> None:
        self.state = state
        self._term += 1
        self._probing = False
        self._row = 0
        self._last.clear()
