"""Rows of the ledger as finished visits leave them."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from tracker.records import Prediction

PORTO, GAIA = "41.150,-8.619", "41.130,-8.616"


def at(text: str, zone: str = "Europe/Lisbon") -> int:
    """`2026-11-24T09:30` in that zone, in ms since 1970."""
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def visit(
    trip_id: str,
    arrived: str,
    *,
    off_s: float = 60,
    technician: str = "ana",
    area: str | None = PORTO,
    held: bool = True,
) -> list[Prediction]:
    """A visit whose arrival was told by `off_s` too late, 15 and 5 minutes before, with a range of four minutes."""
    arrived_at = at(arrived)
    eta_at = arrived_at + round(off_s * 1000)
    middle = arrived_at if held else arrived_at + 600_000
    return [
        Prediction(
            trip_id=trip_id,
            minutes_before=minutes,
            technician_id=technician,
            predicted_at=arrived_at - minutes * 60_000,
            eta_at=eta_at,
            eta_low_at=middle - 120_000,
            eta_high_at=middle + 120_000,
            arrived_at=arrived_at,
            area=area,
        )
        for minutes in (15, 5)
    ]


WEEK = [
    *visit("1", "2026-11-22T09:00", off_s=120),
    *visit("2", "2026-11-23T00:00", off_s=-60, technician="bo"),
    *visit("3", "2026-11-23T23:59", off_s=30, area=GAIA, held=False),
    *visit("4", "2026-11-20T12:00", off_s=90, technician="gone", area=None),
    # A week before: of another report.
    *visit("5", "2026-11-16T23:59", off_s=900),
]
"""As seen on Monday, 23 November 2026, in Lisbon."""
