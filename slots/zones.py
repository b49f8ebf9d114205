"""Between wall clocks and instants, across days on which the clocks change. Pure.

A wall-clock time is a date and seconds since local midnight (`clock_s`, may exceed a day). It stands for no instant
where the clocks jump forward over it, and for two where they fall back.
"""

from __future__ import annotations

import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from slots.intervals import Interval

DAY_S = 86_400


def local_date(instant_s: int, zone: ZoneInfo) -> datetime.date:
    return datetime.datetime.fromtimestamp(instant_s, zone).date()


@lru_cache(maxsize=16_384)
def instants(day: datetime.date, clock_s: int, zone: ZoneInfo) -> tuple[int, ...]:
    """The instants at which the wall clock shows this: none, one or two, in order."""
    wall = _wall(day, clock_s)
    found = []
    for candidate in sorted({_as_instant(wall, zone, fold=0), _as_instant(wall, zone, fold=1)}):
        if datetime.datetime.fromtimestamp(candidate, zone).replace(tzinfo=None, fold=0) == wall:
            found.append(candidate)
    return tuple(found)


def clock_reaches(day: datetime.date, clock_s: int, zone: ZoneInfo) -> int:
    """The first instant at which the wall clock has come to this time: a shift that begins in the skipped hour begins
    when the clocks have jumped."""
    found = instants(day, clock_s, zone)
    return found[0] if found else _end_of_gap(_wall(day, clock_s), zone)


def clock_leaves(day: datetime.date, clock_s: int, zone: ZoneInfo) -> int:
    """The instant after the last one that shows less than this time: a shift that ends inside the repeated hour ends in
    its second run, one that ends where the repeated hour begins ends before its first run."""
    wall = _wall(day, clock_s)
    found = instants(day, clock_s, zone)
    if not found:
        return _end_of_gap(wall, zone)
    shown_before = datetime.datetime.fromtimestamp(found[-1] - 1, zone).replace(tzinfo=None)
    return found[-1] if shown_before < wall else found[0]


def day_bounds(day: datetime.date, zone: ZoneInfo) -> Interval:
    """The calendar day as instants; 23, 24 or 25 hours, in a few zones something else."""
    return clock_reaches(day, 0, zone), clock_reaches(day, DAY_S, zone)


def start_grid(
    first_day: datetime.date, last_day: datetime.date, *, step_s: int, zone: ZoneInfo
) -> list[tuple[int, datetime.date]]:
    """Every instant at which the wall clock shows a multiple of `step_s` since midnight, with its local date."""
    grid: list[tuple[int, datetime.date]] = []
    day = first_day
    while day <= last_day:
        start, end = day_bounds(day, zone)
        if end - start == DAY_S:
            grid.extend((start + clock_s, day) for clock_s in range(0, DAY_S, step_s))
        else:
            found = (i for clock_s in range(0, DAY_S, step_s) for i in instants(day, clock_s, zone))
            grid.extend((instant, day) for instant in sorted(found))
        day += datetime.timedelta(days=1)
    return grid


def _wall(day: datetime.date, clock_s: int) -> datetime.datetime:
    midnight = datetime.datetime(day.year, day.month, day.day)  # noqa: DTZ001  a wall clock has no offset
    return midnight + datetime.timedelta(seconds=clock_s)


def _as_instant(wall: datetime.datetime, zone: ZoneInfo, *, fold: int) -> int:
    return int(wall.replace(tzinfo=zone, fold=fold).timestamp())


def _end_of_gap(wall: datetime.datetime, zone: ZoneInfo) -> int:
    # Read with the offset after the jump the time lies before it, with the offset before the jump after it.
    before = _as_instant(wall, zone, fold=1)
    after = _as_instant(wall, zone, fold=0)
    offset = datetime.datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
