"""From weekly hours, exceptions and holidays to the spans of duty that a technician really works. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from slots.intervals import Interval, IntervalSet, intersect, interval_set, subtract, union
from slots.model import Resource, WeeklyHours
from slots.zones import clock_leaves, clock_reaches, day_bounds, local_date


class Span(NamedTuple):
    """From leaving home to being back; `pieces` is the span without its breaks."""

    start_s: int
    end_s: int
    pieces: IntervalSet


def duty_spans(resource: Resource, *, holidays: Iterable[datetime.date], from_s: int, to_s: int) -> tuple[Span, ...]:
    """Every span that touches [from_s, to_s), whole. Shifts that touch each other are one span.

    (shifts − holidays + extra time) − time off; breaks then divide a span without ending it. Holidays and exceptions
    count by the technician's local calendar.
    """
    zone = ZoneInfo(resource.time_zone)
    # A shift may begin the day before and exceptions may change either neighbour, so look two days around.
    first = local_date(from_s, zone) - datetime.timedelta(days=2)
    last = local_date(to_s, zone) + datetime.timedelta(days=2)
    days = [first + datetime.timedelta(days=n) for n in range((last - first).days + 1)]
    wanted = set(days)
    work = interval_set(_weekly(resource.shifts, days, zone))
    work = subtract(work, interval_set(day_bounds(day, zone) for day in holidays if day in wanted))
    exceptions = [e for e in resource.exceptions if e.date in wanted]
    for kind, apply in (("extra", union), ("off", subtract)):
        times = (_hours(e.date, e.start_min, e.end_min, zone) for e in exceptions if e.kind == kind)
        work = apply(work, interval_set(times))
    breaks = interval_set(_weekly(resource.breaks, days, zone))
    return tuple(
        Span(start, end, subtract(intersect(work, ((start, end),)), breaks))
        for start, end in work
        if start < to_s and end > from_s
    )


def _weekly(hours: Iterable[WeeklyHours], days: Iterable[datetime.date], zone: ZoneInfo) -> Iterable[Interval]:
    by_weekday: dict[int, list[WeeklyHours]] = {}
    for entry in hours:
        by_weekday.setdefault(entry.weekday, []).append(entry)
    for day in days:
        for entry in by_weekday.get(day.weekday(), ()):
            yield _hours(day, entry.start_min, entry.end_min, zone)


def _hours(day: datetime.date, start_min: int, end_min: int, zone: ZoneInfo) -> Interval:
    if end_min <= start_min:  # over midnight
        end_min += 1440
    return clock_reaches(day, start_min * 60, zone), clock_leaves(day, end_min * 60, zone)
