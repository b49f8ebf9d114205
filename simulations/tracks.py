"""Recorded tracks from GPX and CSV files, the truth about their end, and their times moved. [pure]"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import PurePath
from xml.etree import ElementTree

from simulations.plane import distance_m

CSV_COLUMNS = ("trip_id", "t", "lat", "lon")


class TrackError(Exception):
    """A file of recorded tracks cannot be read."""

    def __init__(self, name: str, line: int | None, problem: str) -> None:
        super().__init__(name, line, problem)
        self.name, self.line, self.problem = name, line, problem

    def __str__(self) -> str:
        place = self.name if self.line is None else f"{self.name}:{self.line}"
        return f"{place}: {self.problem}"


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """``t_s`` is seconds since 1970 (UTC) as recorded."""

    t_s: float
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Track:
    """One recorded trip, at least two points, in the order of the file."""

    name: str
    points: tuple[TrackPoint, ...]

    @property
    def start_s(self) -> float:
        return self.points[0].t_s

    @property
    def end_s(self) -> float:
        return self.points[-1].t_s

    def left_m(self, point: TrackPoint) -> float:
        """Metres, as the crow flies, from ``point`` to the track's end."""
        end = self.points[-1]
        return distance_m(lat_a=point.lat, lon_a=point.lon, lat_b=end.lat, lon_b=end.lon)

    def arrived_s(self, radius_m: float) -> float:
        """When the track last came within ``radius_m`` of its end: between two points, in a straight line."""
        arrived_s = self.start_s
        for before, after in pairwise(self.points):
            before_m, after_m = self.left_m(before), self.left_m(after)
            if before_m > radius_m >= after_m:
                share = (before_m - radius_m) / (before_m - after_m)
                arrived_s = before.t_s + share * (after.t_s - before.t_s)
        return arrived_s

    def stays_s(self, radius_m: float) -> float:
        """Seconds of recorded points within ``radius_m`` of the end, up to the last point."""
        inside = [point.t_s for point in self.points if point.t_s >= self.arrived_s(radius_m)]
        return inside[-1] - inside[0] if inside else 0.0


def moved(track: Track, *, first_s: float | None = None, last_s: float | None = None) -> Track:
    """The same track with its first point at ``first_s``, or else its last at ``last_s``. Spacing is kept."""
    by_s = first_s - track.start_s if first_s is not None else (last_s or 0.0) - track.end_s
    return Track(track.name, tuple(TrackPoint(p.t_s + by_s, p.lat, p.lon) for p in track.points))


def read_tracks(name: str, text: str) -> Iterator[Track]:
    """The trips of one file; ``name`` tells the format by its end (.csv or .gpx) and stands in errors."""
    suffix = PurePath(name).suffix.lower()
    if suffix == ".csv":
        return read_csv(name, text)
    if suffix == ".gpx":
        return read_gpx(name, text)
    raise TrackError(name, None, f'cannot tell the format of "{suffix or name}"; give a .csv or a .gpx file')


def read_csv(name: str, text: str) -> Iterator[Track]:
    """Rows ``trip_id,t,lat,lon`` (t in seconds since 1970); the rows of one trip stand together or apart."""
    rows = csv.reader(io.StringIO(text))
    header = tuple(column.strip() for column in next(rows, []))
    missing = [column for column in CSV_COLUMNS if column not in header]
    if missing:
        raise TrackError(name, 1, f"the header lacks {', '.join(missing)}; it needs {','.join(CSV_COLUMNS)}")
    at = [header.index(column) for column in CSV_COLUMNS]
    trips: dict[str, list[TrackPoint]] = {}
    for row in rows:
        if not row:
            continue
        try:
            point = TrackPoint(float(row[at[1]]), float(row[at[2]]), float(row[at[3]]))
        except (ValueError, IndexError) as error:
            raise TrackError(name, rows.line_num, f"not a position: {','.join(row)!r}") from error
        trips.setdefault(row[at[0]], []).append(point)
    return _tracks(trips.items())


def read_gpx(name: str, text: str) -> Iterator[Track]:
    """Every ``trk`` of a GPX 1.0 or 1.1 file whose ``trkpt`` bear a ``time``; segments are joined."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities could grow without bound
        raise TrackError(name, None, "document type declarations are not read; remove them")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # no declarations: checked above
    except ElementTree.ParseError as error:
        raise TrackError(name, error.position[0], f"not well-formed XML: {error.msg}") from error
    trips: dict[str, list[TrackPoint]] = {}
    for number, track in enumerate(root.iterfind("{*}trk"), start=1):
        label = (track.findtext("{*}name") or "").strip() or f"{PurePath(name).stem}-{number}"
        points = trips.setdefault(label if label not in trips else f"{label}-{number}", [])
        for point in track.iterfind("{*}trkseg/{*}trkpt"):
            time = point.findtext("{*}time")
            if time is None:
                raise TrackError(name, None, f'a point of "{label}" has no time; a replay needs recorded times')
            try:
                when = datetime.fromisoformat(time.strip())
                points.append(TrackPoint(when.timestamp(), float(point.attrib["lat"]), float(point.attrib["lon"])))
            except (ValueError, KeyError) as error:
                raise TrackError(name, None, f'a point of "{label}" has no valid time, lat and lon') from error
    return _tracks(trips.items())


def _tracks(trips: Iterable[tuple[str, list[TrackPoint]]]) -> Iterator[Track]:
    for label, points in trips:
        if len(points) > 1:
            yield Track(label, tuple(points))
