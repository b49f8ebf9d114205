"""The board of dispatchers: every technician this process has heard of. Never sent to a customer."""

from __future__ import annotations

from collections.abc import Iterable

from tracker.live import Duty, LiveTechnician
from tracker.messages import Board, BoardTechnician

BOARD_TOPIC = "dispatch"


def board_of(technicians: Iterable[LiveTechnician], now_ms: int) -> Board:
    """The board as of ``now_ms`` (ms since 1970)."""
    return Board(server_time=now_ms, technicians=[_row(technician, now_ms) for technician in technicians])


def _row(technician: LiveTechnician, now_ms: int) -> BoardTechnician:
    track = technician.track
    row = BoardTechnician(id=technician.id, duty=technician.duty.value)
    if track.fixed_at and technician.duty is Duty.ON_DUTY:
        row.fixed_at = track.fixed_at
        row.lat_e6 = round(track.lat * 1e6)
        row.lon_e6 = round(track.lon * 1e6)
        row.speed_cms = round(track.speed_mps * 100)
        row.heading_deg = None if track.heading_deg is None else round(track.heading_deg) % 360
        row.battery_percent = None if track.battery is None else round(track.battery * 100)
    live = technician.trip
    if live is not None:
        row.trip = live.id
        told = live.motion.eta(0, now_ms) if live.motion is not None else None
        row.eta_at = told.eta_at if told is not None else None
    return row
