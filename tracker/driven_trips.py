"""Finished trips out of the fixes of everybody, newest batch first, in bounded memory. [pure]"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from tracker.messages import Fix
from tracker.recordings import Recording
from tracker.records import FixRow

SPACING_MS = 10_000
"""Learning was tried on feeds of 15 and 60 s; phones that report every second would only cost memory and time."""
MOST_FIXES = 600_000
"""Of all trips together, as spaced: some 150 MB. Beyond it no older trip is begun."""
FEWEST_FIXES = 3

_Key = tuple[str, str]


class DrivenTrips:
    """``take`` batches, newest first; then ``recordings``. Late fixes are not learned from.

    A trip that two technicians drove is that of the one who came last.
    """

    def __init__(self, *, since_ms: int, before_ms: int, at_most: int) -> None:
        self._since_ms = since_ms
        self._before_ms = before_ms
        self._at_most = at_most
        self._tracks: dict[_Key, _Track] = {}
        self._fixes = 0

    def take(self, rows: Sequence[FixRow]) -> None:
        tracks = self._tracks
        # Backwards too, so that a fix that is spaced out is seen when the one after it is known.
        for row in reversed(rows):
            if row.trip_id is None or row.late or row.fixed_at < self._since_ms:
                continue
            key = row.trip_id, row.technician_id
            track = tracks.get(key)
            if track is None:
                if len(tracks) >= self._at_most or self._fixes >= MOST_FIXES:
                    continue
                track = tracks[key] = _Track()
            self._fixes += track.take(row)

    def recordings(self) -> list[Recording]:
        """Trips that ended before ``before_ms``, earliest first."""
        last: dict[str, _Track] = {}
        for (trip_id, _), track in self._tracks.items():
            known = last.get(trip_id)
            if known is None or known.newest_at < track.newest_at:
                last[trip_id] = track
        recordings = [
            Recording(trip_id, track.fixes())
            for trip_id, track in last.items()
            if track.newest_at < self._before_ms and len(track.times) >= FEWEST_FIXES
        ]
        return sorted(recordings, key=lambda recording: recording.started_at)


class _Track:
    """24 bytes a fix."""

    __slots__ = ("lats", "lons", "times")

    def __init__(self) -> None:
        self.times = array("q")
        self.lats = array("d")
        self.lons = array("d")

    @property
    def newest_at(self) -> int:
        return self.times[0]

    def take(self, row: FixRow) -> bool:
        """Whether it is kept: going back in time it must be older than the last one by the spacing."""
        if self.times and row.fixed_at > self.times[-1] - SPACING_MS:
            return False
        self.times.append(row.fixed_at)
        self.lats.append(row.lat)
        self.lons.append(row.lon)
        return True

    def fixes(self) -> tuple[Fix, ...]:
        columns = zip(reversed(self.times), reversed(self.lats), reversed(self.lons), strict=True)
        return tuple(Fix(fixed_at=fixed_at, lat=lat, lon=lon) for fixed_at, lat, lon in columns)
