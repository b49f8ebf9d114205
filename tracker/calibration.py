"""What an installation has learned from finished trips, as one small value that survives a restart. [pure]

``COLD`` is what is known before the first trip: it holds for any city.
"""

from __future__ import annotations

import msgspec

from tracker.eta import RANGE_AT_S

VERSION = 1
CELL_M = 300.0
"""Side of the squares."""


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """Seconds driven for a second expected in one square of the map, going one way.

    ``row`` and ``column`` count squares of ``CELL_M`` from the equator and the zero meridian; ``quadrant`` is the
    direction of driving (0 east, 1 north, 2 west, 3 south), -1 for all.
    """

    row: int
    column: int
    quadrant: int
    ratio: float


class Check(msgspec.Struct, frozen=True):
    """What the trips of the last days say of what was in force on them: mean absolute errors over ``trips``, as told
    and as the cold start would have told. ``fell_back``: it was worse, and this calibration is what came before."""

    trips: int
    cold_mae_s: float
    mae_s: float
    fell_back: bool = False


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """``hours``: log pace by UTC hour of the week, Monday first. ``scale`` corrects all predictions;
    ``low_scales`` and ``high_scales`` the distances from the arrival to the ends of its range, one for each of
    ``eta.RANGE_AT_S``, or none.
    ``trips`` is the number of trips it was learned from, 0 for the cold start. ``check`` is the verdict of the night in
    which it was put into force; None where nothing else than the cold start had been.
    """

    version: int = VERSION
    trips: int = 0
    hours: tuple[float, ...] = ()
    cells: tuple[Cell, ...] = ()
    scale: float = 1.0
    low_scales: tuple[float, ...] = ()
    high_scales: tuple[float, ...] = ()
    check: Check | None = None


COLD = Calibration()

encode_calibration = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Calibration).decode


def decode_calibration(data: bytes) -> Calibration:
    """Read back what ``encode_calibration`` wrote; what another version wrote counts as nothing learned.

    Raises ``msgspec.DecodeError`` for anything else.
    """
    calibration = _decode(data)
    if calibration.version != VERSION:
        return COLD
    for scales in (calibration.low_scales, calibration.high_scales):
        if len(scales) not in (0, len(RANGE_AT_S)):
            raise msgspec.ValidationError(f"{len(scales)} scales of the range instead of {len(RANGE_AT_S)}")
    return calibration
