"""What the customers of a storm asked for and what they were told; the verdict holds the database against it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import msgspec

Action = Literal["book", "move", "cancel"]


class Asked(msgspec.Struct, frozen=True):
    """A change that was asked for. `key` is the Idempotency-Key of a booking, which is in its details too; `visit_id`
    names the visit of a move or a cancel; `slot` is the wanted place."""

    action: Action
    key: str | None = None
    visit_id: str | None = None
    slot: str | None = None


class Told(msgspec.Struct, frozen=True):
    """A change that the server said it has made: the visit is at `version` by it."""

    visit_id: str
    version: int
    asked: Asked


@dataclass
class Ledger:
    """Of all customers together."""

    told: list[Told] = field(default_factory=list)
    # What became of these nobody was told: the connection was cut, or the database went away under the server.
    unanswered: set[Asked] = field(default_factory=set)
    # Every request that keeps, takes, changes or gives back a place, retries included; not the looking around.
    attempts: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    # Retries with the key of a booking that was there already, and were told of that one.
    repeated: int = 0
    longest_s: float = 0.0
    # What no client may ever see, each as a sentence.
    faults: list[str] = field(default_factory=list)
    _awaited: list[tuple[str, int, asyncio.Event]] = field(default_factory=list)

    def tell(self, told: Told) -> None:
        self.told.append(told)
        self.count("told")

    def count(self, outcome: str) -> None:
        self.outcomes[outcome] += 1
        for awaited, number, reached in self._awaited:
            if awaited == outcome and self.outcomes[outcome] >= number:
                reached.set()

    async def more(self, outcome: str, number: int) -> None:
        """Returns when `outcome` has come so many more times; `told` is every acknowledged change."""
        waiting = (outcome, self.outcomes[outcome] + number, asyncio.Event())
        self._awaited.append(waiting)
        await waiting[2].wait()
        self._awaited.remove(waiting)

    def fault(self, sentence: str) -> None:
        self.faults.append(sentence)
