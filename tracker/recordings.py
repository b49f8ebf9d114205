"""Recorded trips: what is learned from, and what predictions are scored on. [pure]"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from tracker.errors import TrackerError
from tracker.geo import distance_m
from tracker.messages import Fix

COLUMNS = ("trip_id", "t", "lat", "lon")
RADIUS_M = 75.0


class RecordingError(TrackerError):
    """The operator's file of recorded trips cannot be read."""

    code = "recording_unreadable"


@dataclass(frozen=True, slots=True)
class Recording:
    """One finished trip in the order of its times; the destination is its last position."""

    trip_id: str
    fixes: tuple[Fix, ...]

    @property
    def started_at(self) -> int:
        return self.fixes[0].fixed_at

    @property
    def destination(self) -> Fix:
        return self.fixes[-1]

    def arrived_at(self, radius_m: float = RADIUS_M) -> float:
        """When (ms since 1970) the trip last came within ``radius_m`` of its end: between two fixes, in a line."""
        end = self.destination
        far_m = [distance_m(lat=fix.lat, lon=fix.lon, to_lat=end.lat, to_lon=end.lon) for fix in self.fixes]
        arrived_at = float(self.started_at)
        for (before, before_m), (after, after_m) in pairwise(zip(self.fixes, far_m, strict=True)):
            if before_m > radius_m >= after_m:
                share = (before_m - radius_m) / (before_m - after_m)
                arrived_at = before.fixed_at + share * (after.fixed_at - before.fixed_at)
        return arrived_at


def read_recordings(name: str, lines: Iterable[str]) -> list[Recording]:
    """Trips of a CSV with the columns trip_id, t (seconds since 1970), lat, lon; the earliest first.

    Left out are rows that give no place on earth (empty, NaN, 0,0: what devices write without a fix), and trips of
    fewer than two positions. Raises RecordingError; ``name`` is for its message.
    """
    rows = csv.reader(lines)
    # Spreadsheets put a byte order mark before the first name, and capitals into all.
    header = [column.strip().removeprefix("\ufeff").lower() for column in next(rows, [])]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise RecordingError(f"{name}: the header lacks {', '.join(missing)}; it needs {','.join(COLUMNS)}")
    trip_at, t_at, lat_at, lon_at = (header.index(column) for column in COLUMNS)
    trips: dict[str, list[Fix]] = {}
    for row in rows:
        if not row:
            continue
        try:
            fixed_at = round(float(row[t_at]) * 1000)
            if not (row[lat_at].strip() and row[lon_at].strip()):
                continue
            lat, lon = float(row[lat_at]), float(row[lon_at])
            if -90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0 and (lat or lon):
                trips.setdefault(row[trip_at], []).append(Fix(fixed_at=fixed_at, lat=lat, lon=lon))
        except (ValueError, IndexError, OverflowError) as error:
            raise RecordingError(f"{name}, line {rows.line_num}: not a position: {','.join(row)!r}") from error
    recordings = [
        Recording(trip_id, tuple(sorted(fixes, key=lambda fix: fix.fixed_at)))
        for trip_id, fixes in trips.items()
        if len(fixes) > 1
    ]
    return sorted(recordings, key=lambda recording: recording.started_at)
