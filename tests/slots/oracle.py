"""Availability the slow and obvious way: minute by minute, technician by technician, straight from the product's words.

It shares no code with `slots.availability`, `slots.calendar`, `slots.shifts`, `slots.territory` or `slots.zones`; only
the travel time is asked of the same port. Shifts, breaks and starts lie on whole minutes; territories are rectangles.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from geopy.distance import great_circle

from slots.calendar import Busy
from slots.model import Resource, Rules, ServiceType
from slots.travel import Point, TravelTime, known_point

Wall = tuple[datetime.date, int]
Place = tuple[float, float] | None


@dataclass(frozen=True)
class Rectangle:
    """A territory from its south-western to its north-eastern corner, (lat, lon) each."""

    id: str
    south_west: tuple[float, float]
    north_east: tuple[float, float]

    def contains(self, place: tuple[float, float]) -> bool:
        return all(low <= here <= high for low, here, high in zip(self.south_west, place, self.north_east, strict=True))


@lru_cache(maxsize=64)
def wall_clock(zone_name: str, from_s: int, to_s: int) -> dict[int, Wall]:
    """What the clock on the wall shows at every minute: date, and minutes since midnight."""
    zone = ZoneInfo(zone_name)
    clock = {}
    for instant in range(from_s, to_s, 60):
        local = datetime.datetime.fromtimestamp(instant, zone)
        clock[instant] = (local.date(), local.hour * 60 + local.minute)
    return clock


@lru_cache(maxsize=512)
def shown_on(zone_name: str, span: tuple[int, int], date: datetime.date) -> list[tuple[int, int]]:
    """Every instant of this date and the next, with the minutes that the wall shows since midnight of this date."""
    next_date = date + datetime.timedelta(days=1)
    clock = wall_clock(zone_name, *span).items()
    today = [(instant, minute) for instant, (wall_date, minute) in clock if wall_date == date]
    return today + [(instant, minute + 1440) for instant, (wall_date, minute) in clock if wall_date == next_date]


@lru_cache(maxsize=4096)
def minutes_between(zone_name: str, span: tuple[int, int], date: datetime.date, start_min: int, end_min: int) -> range:
    """From the first minute that shows `start_min` or later on the date, to the last that shows less than `end_min`."""
    if end_min <= start_min:
        end_min += 1440
    shown = shown_on(zone_name, span, date)
    begin = next((instant for instant, minute in shown if minute >= start_min), None)
    end = next((instant for instant, minute in reversed(shown) if minute < end_min), None)
    return range(0) if begin is None or end is None else range(begin, end + 60, 60)


def working_minutes(
    resource: Resource, holidays: Iterable[datetime.date], span: tuple[int, int]
) -> tuple[set[int], set[int]]:
    """Minutes of duty, and those without the breaks."""
    zone_name, clock = resource.time_zone, wall_clock(resource.time_zone, *span)
    shown = sorted({wall[0] for wall in clock.values()})
    # Also the day that a calendar skips: a night shift that begins on it has its end on the next.
    dates = [shown[0] + datetime.timedelta(days=n) for n in range((shown[-1] - shown[0]).days + 1)]
    closed = set(holidays)
    duty: set[int] = set()
    breaks: set[int] = set()
    for date in dates:
        for shift in resource.shifts:
            if shift.weekday == date.weekday():
                duty.update(minutes_between(zone_name, span, date, shift.start_min, shift.end_min))
        for entry in resource.breaks:
            if entry.weekday == date.weekday():
                breaks.update(minutes_between(zone_name, span, date, entry.start_min, entry.end_min))
    duty = {minute for minute in duty if clock[minute][0] not in closed}
    for exception in resource.exceptions:
        if exception.kind == "extra":
            duty.update(minutes_between(zone_name, span, exception.date, exception.start_min, exception.end_min))
    for exception in resource.exceptions:
        if exception.kind == "off":
            duty.difference_update(
                minutes_between(zone_name, span, exception.date, exception.start_min, exception.end_min)
            )
    return duty, duty - breaks


def added_travel(
    resource: Resource,
    *,
    duty: set[int],
    work: set[int],
    busy: list[Busy],
    site: Point | None,
    start_s: int,
    duration_s: int,
    travel: TravelTime,
    buffer_s: int,
) -> int | None:
    """Seconds of travel that this visit would add, None if it does not fit."""
    end_s = start_s + duration_s
    if start_s not in work or any(minute not in work for minute in range(start_s, end_s, 60)):
        return None
    if any(entry.start_s < end_s and entry.end_s > start_s for entry in busy):
        return None
    span_start = start_s
    while span_start - 60 in duty:
        span_start -= 60
    span_end = end_s
    while span_end in duty:
        span_end += 60

    def worked(from_s: int, to_s: int) -> int:
        minutes = range(from_s - from_s % 60, to_s, 60)
        return sum(min(minute + 60, to_s) - max(minute, from_s) for minute in minutes if minute in work)

    home = known_point(lat=resource.home_lat, lon=resource.home_lon)
    before = max((e for e in busy if e.end_s <= start_s), key=lambda e: e.end_s, default=None)
    after = min((e for e in busy if e.start_s >= end_s), key=lambda e: e.start_s, default=None)
    comes_from, goes_to = home, home
    there_s, back_s = travel.seconds(home, site), travel.seconds(site, home)
    if before is not None and before.end_s > span_start:
        comes_from = before.point
        there_s = travel.seconds(before.point, site)
        if worked(before.end_s, start_s) < there_s + buffer_s:
            return None
    else:
        if worked(span_start, start_s) < there_s:
            return None
        if before is not None and start_s - before.end_s < travel.seconds(before.point, site) + buffer_s:
            return None
    if after is not None and after.start_s < span_end:
        goes_to = after.point
        back_s = travel.seconds(site, after.point)
        if worked(end_s, after.start_s) < back_s + buffer_s:
            return None
    else:
        if worked(end_s, span_end) < back_s:
            return None
        if after is not None and after.start_s - end_s < travel.seconds(site, after.point) + buffer_s:
            return None
    alone = not any(e.start_s < span_end and e.end_s > span_start for e in busy)
    skipped_s = 0 if alone else travel.seconds(comes_from, goes_to)
    return there_s + back_s - skipped_s


def has_room_that_day(resource: Resource, start_s: int, *, busy: Iterable[Busy], done: Iterable[int] = ()) -> bool:
    """Whether one more visit may start on this local day of the technician; completed ones (`done`: starts) count."""
    if resource.max_visits_a_day is None:
        return True
    zone = ZoneInfo(resource.time_zone)
    days = [datetime.datetime.fromtimestamp(s, zone).date() for s in (*(entry.start_s for entry in busy), *done)]
    return days.count(datetime.datetime.fromtimestamp(start_s, zone).date()) < resource.max_visits_a_day


def may_come(resource: Resource, *, service: ServiceType, place: Place, territories: Iterable[Rectangle] = ()) -> bool:
    """Whether this technician does such work at such a place at all."""
    if not resource.active:
        return False
    if service.skill is not None and service.skill not in resource.skills:
        return False
    if resource.territories:
        if place is None or place == (0.0, 0.0):
            return False
        if not any(area.contains(place) for area in territories if area.id in resource.territories):
            return False
    if resource.max_travel_m is not None:
        home = (resource.home_lat, resource.home_lon)
        if None in home or home == (0.0, 0.0) or place is None or place == (0.0, 0.0):
            return False
        return bool(great_circle(home, place).meters <= resource.max_travel_m)
    return True


def candidates(
    resources: Iterable[Resource],
    busy: dict[int, list[Busy]],
    *,
    holidays: Iterable[datetime.date],
    site: Point | None,
    site_zone: str,
    first_day: datetime.date,
    last_day: datetime.date,
    duration_s: int,
    travel: TravelTime,
    rules: Rules,
    now_s: int,
    clock_span: tuple[int, int],
    done: Mapping[int, Iterable[int]] | None = None,
) -> list[tuple[int, int, int]]:
    """(start, technician key, added travel) of every start somebody can keep, of those who `may_come`."""
    lanes = [(resource, *working_minutes(resource, holidays, clock_span)) for resource in resources]
    today = datetime.datetime.fromtimestamp(now_s, ZoneInfo(site_zone)).date()
    found = []
    for start_s, (date, minute) in wall_clock(site_zone, *clock_span).items():
        ahead = (date - today).days
        if not first_day <= date <= last_day or (minute * 60) % rules.slot_step_s:
            continue
        if start_s < now_s + rules.min_lead_s or not rules.min_lead_days <= ahead <= rules.max_lead_days:
            continue
        offers = []
        for resource, duty, work in lanes:
            taken = busy.get(resource.key, [])
            if not has_room_that_day(resource, start_s, busy=taken, done=(done or {}).get(resource.key, ())):
                continue
            added_s = added_travel(
                resource,
                duty=duty,
                work=work,
                busy=taken,
                site=site,
                start_s=start_s,
                duration_s=duration_s,
                travel=travel,
                buffer_s=rules.buffer_s,
            )
            if added_s is not None:
                offers.append((added_s, resource.key))
        if offers:
            added_s, key = min(offers)
            found.append((start_s, key, added_s))
    return found
