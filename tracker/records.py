"""What live tracking keeps: rows as values, whatever the database. Times in ms since 1970."""

from __future__ import annotations

import msgspec


class FixRow(msgspec.Struct, gc=False, array_like=True):
    """One accepted fix as it is kept: an array, so that new fields may only be added at the end."""

    technician_id: str
    fixed_at: int
    received_at: int
    trip_id: str | None
    lat: float
    lon: float
    accuracy_m: float | None
    speed_mps: float | None
    heading_deg: float | None
    late: bool


class LastState(msgspec.Struct, gc=False):
    """The newest believed position of a technician, enough to show the right map after a restart."""

    technician_id: str
    trip_id: str | None
    fixed_at: int
    lat: float
    lon: float
    speed_mps: float
    heading_deg: float | None
    accuracy_m: float | None
    battery: float | None
    eta_at: int | None = None
    arrived_at: int | None = None
    revealed: bool = True
    eta_low_at: int | None = None
    eta_high_at: int | None = None
    pace_observed_s: float = 0.0
    pace_expected_s: float = 0.0

    def move_to(self, row: FixRow) -> None:
        """Take the position of a newer fix of the same technician."""
        self.fixed_at = row.fixed_at
        self.lat = row.lat
        self.lon = row.lon
        self.speed_mps = row.speed_mps or 0.0
        self.heading_deg = row.heading_deg
        self.accuracy_m = row.accuracy_m


class Prediction(msgspec.Struct, gc=False):
    """What was predicted so many minutes before the arrival, against the arrival (ms since 1970)."""

    trip_id: str
    minutes_before: int
    technician_id: str
    predicted_at: int
    eta_at: int
    eta_low_at: int
    eta_high_at: int
    arrived_at: int
    area: str | None = None
    """The coarse cell of the destination (``ledger.area_of``); None without a destination."""


class DutyChange(msgspec.Struct, gc=False):
    """A technician's duty and since when (ms since 1970)."""

    technician_id: str
    since_at: int
    duty: str


class ToldArrival(msgspec.Struct, gc=False):
    """What customers were told at a moment of a trip (ms since 1970), as long as its arrival is not known."""

    trip_id: str
    told_at: int
    eta_at: int
    eta_low_at: int
    eta_high_at: int


class KeptCalibration(msgspec.Struct, gc=False):
    """What was learned at a moment (ms since 1970) from so many trips: ``calibration.encode_calibration``'s bytes."""

    learned_at: int
    trips: int
    data: bytes
