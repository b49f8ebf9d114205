"""What was predicted 30, 15 and 5 minutes before, held against the real arrival."""

from __future__ import annotations

from tracker.records import Prediction

MINUTES_BEFORE = (30, 15, 5)
KEEP_EVERY_MS = 15_000
KEPT = 960
"""Four hours of predictions at one per 15 s."""


class PredictionLog:
    """The predictions of one trip as they were told."""

    __slots__ = ("_rows", "arrived_at", "due_ms")

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, int]] = []
        self.arrived_at: int | None = None
        self.due_ms = 0

    def note(self, *, at_ms: int, eta_at: int, low_at: int, high_at: int) -> None:
        rows = self._rows
        if rows and at_ms - rows[-1][0] < KEEP_EVERY_MS:
            return
        rows.append((at_ms, eta_at, low_at, high_at))
        self.due_ms = at_ms + KEEP_EVERY_MS
        if len(rows) > KEPT:
            del rows[: KEPT // 2]

    def settle(self, *, trip_id: str, technician_id: str, arrived_at: int) -> list[Prediction]:
        """The ledger's rows: for each horizon the last prediction told that long before the arrival, if any."""
        settled = []
        for minutes in MINUTES_BEFORE:
            told = [row for row in self._rows if row[0] <= arrived_at - minutes * 60_000]
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
                    )
                )
        return settled
