"""What was predicted 30, 15 and 5 minutes before, held against the real arrival."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, floor, radians
from typing import Final

from tracker.records import Prediction, ToldArrival

MINUTES_BEFORE = (30, 15, 5)
KEEP_EVERY_MS: Final = 15_000
ON_DISK_EVERY_MS: Final = 60_000
"""After a restart the ledger takes what was told up to a minute earlier than it would have."""
KEPT: Final = 960
"""Four hours of predictions at one per 15 s."""
AREA_DEG: Final = 0.02
"""2.2 km: a part of a town, and no address. The ledger outlives the tracks it came from."""


def area_of(*, lat: float, lon: float) -> str:
    """The coarse cell of a place, named by its centre: ``41.150,-8.619``.

    Rows are ``AREA_DEG`` of latitude high; each is cut into as many columns as make them about as wide.
    """
    row = min(floor((lat + 90.0) / AREA_DEG), round(180.0 / AREA_DEG) - 1)
    centre_lat = -90.0 + (row + 0.5) * AREA_DEG
    columns = max(1, round(360.0 * cos(radians(centre_lat)) / AREA_DEG))
    column = floor((lon + 180.0) / 360.0 * columns) % columns
    centre_lon = -180.0 + (column + 0.5) * 360.0 / columns
    return f"{centre_lat:z.3f},{centre_lon:z.3f}"


class PredictionLog:
    """The predictions of one trip as they were told."""

    __slots__ = ("_disk_due_ms", "_rows", "due_ms")

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, int]] = []
        self.due_ms = 0
        self._disk_due_ms = 0

    @property
    def newest_at(self) -> int:
        """When the last one was noted, 0 before the first."""
        return self._rows[-1][0] if self._rows else 0

    def note(self, *, at_ms: int, eta_at: int, low_at: int, high_at: int) -> bool:
        """True when it is one of those that should outlive the process."""
        rows = self._rows
        if rows and at_ms - rows[-1][0] < KEEP_EVERY_MS:
            return False
        rows.append((at_ms, eta_at, low_at, high_at))
        self.due_ms = at_ms + KEEP_EVERY_MS
        if len(rows) > KEPT:
            del rows[: KEPT // 2]
        if at_ms < self._disk_due_ms:
            return False
        self._disk_due_ms = at_ms + ON_DISK_EVERY_MS
        return True

    def settle(
        self,
        *,
        trip_id: str,
        technician_id: str,
        arrived_at: int,
        area: str | None = None,
        elsewhere: Iterable[ToldArrival] = (),
    ) -> list[Prediction]:
        """The ledger's rows: for each horizon the last prediction told that long before the arrival, if any.

        ``elsewhere`` is what other processes told of this trip, or this one before a restart.
        """
        of_others = [(one.told_at, one.eta_at, one.eta_low_at, one.eta_high_at) for one in elsewhere]
        rows = sorted(self._rows + of_others)
        settled = []
        for minutes in MINUTES_BEFORE:
            told = [row for row in rows if row[0] <= arrived_at - minutes * 60_000]
            if told:
                at_ms, eta_at, low_at, high_at = told[-1]
                settled.append(
                    Prediction(
                        trip_id=trip_id,
                        minutes_before=minutes,
                        technician_id=technician_id,
                        predicted_at=at_ms,
                        eta_at=eta_at,
                        eta_low_at=low_at,
                        eta_high_at=high_at,
                        arrived_at=arrived_at,
                        area=area,
                    )
                )
        return settled
