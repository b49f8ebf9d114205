"""A trip has ended: what was told under way goes to the ledger, also what was told before a restart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tracker.ledger import PredictionLog
from tracker.records import Prediction, ToldArrival


class Store(Protocol):
    """What was told and the ledger, see ``tracker.store``."""

    def told(self, trip_id: str, *, from_ms: int) -> list[ToldArrival]: ...
    def write_predictions(self, rows: Iterable[Prediction], *, if_missing: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class Settling:
    """One trip as this process saw it: under way since ``since_ms``, there at ``arrived_at`` (ms since 1970).

    ``noted`` may miss what was told before a restart, or by a process that the phone talked to earlier. All of that is
    in the store, about one a minute.
    """

    trip_id: str
    technician_id: str
    since_ms: int
    arrived_at: int
    area: str | None
    noted: PredictionLog

    def write_to(self, store: Store) -> None:
        """Done again it leaves the same rows. Only whoever told last knows the arrival: others fill what is missing."""
        told = store.told(self.trip_id, from_ms=self.since_ms)
        newest_at = self.noted.newest_at
        told_last = newest_at > 0 and all(one.told_at <= newest_at for one in told)
        rows = self.noted.settle(
            trip_id=self.trip_id,
            technician_id=self.technician_id,
            arrived_at=self.arrived_at,
            area=self.area,
            elsewhere=told,
        )
        if rows:
            store.write_predictions(rows, if_missing=not told_last)
