"""Where live tracking keeps its rows in tests: in memory, with a switch to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tracker.driven_trips import DrivenTrips
from tracker.recordings import Recording
from tracker.records import DutyChange, FixRow, KeptCalibration, LastState, Prediction, ToldArrival


class MemoryTrackStore:
    """Keeps what a database would. While ``failing`` every write raises; while ``gate`` is clear writes wait."""

    def __init__(self) -> None:
        self.failing = False
        self.gate = threading.Event()
        self.gate.set()
        self.attempts = 0
        self.fixes: dict[tuple[str, int], FixRow] = {}
        self.states: dict[str, LastState] = {}
        self.kept_duties: list[DutyChange] = []
        self.kept_told: dict[tuple[str, int], ToldArrival] = {}
        self.predictions: list[Prediction] = []
        self.kept_calibrations: list[KeptCalibration] = []
        self.nights: dict[int, bool] = {}
        self.threads: set[str] = set()

    def write(self, rows: Iterable[FixRow], states: Iterable[LastState], told: Iterable[ToldArrival] = ()) -> None:
        self._begin()
        for row in rows:
            self.fixes.setdefault((row.technician_id, row.fixed_at), row)
        for state in states:
            self.states[state.technician_id] = state
        for one in told:
            self.kept_told.setdefault((one.trip_id, one.told_at), one)

    def last_states(self) -> list[LastState]:
        for state in self.states.values():
            newer = [row for row in self.fixes.values() if row.technician_id == state.technician_id]
            newest = max(newer, key=lambda row: row.fixed_at, default=None)
            if newest is not None and newest.fixed_at > state.fixed_at:
                state.move_to(newest)
        return list(self.states.values())

    def duty_changes(self) -> list[DutyChange]:
        return list(self.kept_duties)

    def write_duty(self, change: DutyChange) -> None:
        self._begin()
        self.kept_duties.append(change)

    def told(self, trip_id: str, *, from_ms: int) -> list[ToldArrival]:
        of_trip = [one for one in self.kept_told.values() if one.trip_id == trip_id and one.told_at >= from_ms]
        return sorted(of_trip, key=lambda one: one.told_at)

    def write_predictions(self, rows: Iterable[Prediction], *, if_missing: bool = False) -> None:
        self._begin()
        rows = list(rows)
        trips = {row.trip_id for row in rows}
        if if_missing and any(row.trip_id in trips for row in self.predictions):
            return
        self.predictions = [row for row in self.predictions if row.trip_id not in trips] + rows

    def ledger(self, from_ms: int, to_ms: int) -> list[Prediction]:
        return [row for row in self.predictions if from_ms <= row.arrived_at < to_ms]

    def history(self, trip_id: str) -> list[FixRow]:
        return sorted((row for row in self.fixes.values() if row.trip_id == trip_id), key=lambda row: row.fixed_at)

    def finished_trips(self, *, since_ms: int, before_ms: int, at_most: int) -> list[Recording]:
        trips = DrivenTrips(since_ms=since_ms, before_ms=before_ms, at_most=at_most)
        trips.take(list(self.fixes.values()))
        return trips.recordings()

    def write_calibration(self, kept: KeptCalibration) -> None:
        self._begin()
        self.kept_calibrations.append(kept)

    def calibration(self) -> KeptCalibration | None:
        return self.kept_calibrations[-1] if self.kept_calibrations else None

    def calibrations(self, from_ms: int) -> list[KeptCalibration]:
        kept = self.kept_calibrations
        before = sum(each.learned_at < from_ms for each in kept)
        return kept[max(before - 2, 0) :]

    def take_night(self, *, night_ms: int, now_ms: int) -> bool:
        return self.nights.setdefault(night_ms, False) is False

    def end_night(self, *, night_ms: int, now_ms: int) -> None:
        self.nights[night_ms] = True

    def make_ready(self, now_ms: int) -> None:
        pass

    def purge(self, before_ms: int) -> int:
        old = [key for key in self.fixes if key[1] < before_ms]
        for key in old:
            del self.fixes[key]
        return len(old)

    def close(self) -> None:
        pass

    def _begin(self) -> None:
        self.attempts += 1
        self.threads.add(threading.current_thread().name)
        assert self.gate.wait(10), "nobody opened the gate"
        if self.failing:
            raise OSError("disk full")
