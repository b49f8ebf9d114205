"""Why nothing can be booked on a day: one reason for the customer, and every technician's own for the dispatcher. Pure.

The reasons come from the functions that find the slots: a technician is looked at with what stands in the way taken out
of it, one thing after the other, until the visit fits.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal
from zoneinfo import ZoneInfo

from slots.availability import find_candidates
from slots.calendar import Calendar, Lane, obstacle
from slots.model import EmptyReason, Resource, Rules, ServiceType, Site, Value
from slots.travel import Point, TravelTime, distance_m, known_point
from slots.zones import day_bounds, local_date, start_grid

TechnicianReason = Literal[
    "inactive",
    "outside_territory",
    "beyond_radius",
    "radius_unknown",
    "holiday",
    "time_off",
    "no_shift",
    "shift_over",
    "shift_too_short",
    "drive_too_long",
    "no_time_to_drive",
    "at_capacity",
    "full",
]
# Reasons that hold on every day, for this site.
NEVER = frozenset({"inactive", "outside_territory", "beyond_radius", "radius_unknown"})


class TechnicianDay(Value, frozen=True, kw_only=True):
    """Why this technician cannot come on the day. `distance_m` is that from home, straight, None where
    either is unknown; `visits` are those (and holds) of the day."""

    technician_id: str
    name: str
    reason: TechnicianReason
    distance_m: float | None = None
    radius_m: float | None = None
    visits: int = 0
    works_on_weekday: bool = False


class DayExplanation(Value, frozen=True, kw_only=True):
    """`reason` None: there are slots. `technicians` are those with the skill, `without_skill` counts the others that
    are active. Of `legs` between places, `estimated_legs` are reckoned on straight lines."""

    date: datetime.date
    reason: EmptyReason | None
    slots: int = 0
    skill: str | None = None
    holiday: str | None = None
    place_unknown: bool = False
    without_skill: int = 0
    technicians: tuple[TechnicianDay, ...] = ()
    legs: int = 0
    estimated_legs: int = 0


def lead_reason(day: datetime.date, *, zone: ZoneInfo, rules: Rules, now_s: int) -> EmptyReason:
    """Why none of the day's starts is left, before anybody is asked."""
    today = local_date(now_s, zone)
    if day < today:
        return "past"
    if (day - today).days > rules.max_lead_days:
        return "too_far_ahead"
    return "too_soon" if start_grid(day, day, step_s=rules.slot_step_s, zone=zone) else "no_such_day"


def empty_reason(
    day: datetime.date,
    calendar: Calendar,
    starts: Sequence[int],
    *,
    zone: ZoneInfo,
    holidays: Mapping[datetime.date, str],
    somebody_has_skill: bool,
) -> EmptyReason:
    """What to tell the customer about a day of which these starts are left and none has a candidate.

    `somebody_has_skill`: an active technician, wherever; it matters only where the calendar has no lane.
    """
    if not calendar.lanes:
        return "outside_area" if somebody_has_skill else "not_offered"
    bounds = day_bounds(day, zone)
    # Most technicians share a few patterns of hours.
    patterns = {id(lane.spans): lane.spans for lane in calendar.lanes}.values()
    ends_s = [span.end_s for spans in patterns for span in spans if span.start_s < bounds[1] and span.end_s > bounds[0]]
    if not ends_s:
        return "holiday" if day in holidays else "closed"
    return "full" if max(ends_s) > starts[0] else "too_soon"


def explain_technicians(
    day: datetime.date,
    calendar: Calendar,
    starts: Sequence[tuple[int, datetime.date]],
    *,
    resources: Sequence[Resource],
    service: ServiceType,
    site: Site,
    territory_ids: frozenset[str],
    holidays: Mapping[datetime.date, str],
    rules: Rules,
    travel: TravelTime,
) -> tuple[TechnicianDay, ...]:
    """Of everybody with the skill, by name; `starts` are those left of the day, on which nobody can come."""
    place = known_point(lat=site.lat, lon=site.lon)
    lanes = {lane.key: lane for lane in calendar.lanes}
    bounds = day_bounds(day, ZoneInfo(site.time_zone))
    found = []
    for resource in sorted(resources, key=lambda each: (each.name, each.key)):
        if service.skill is not None and service.skill not in resource.skills:
            continue
        lane = lanes.get(resource.key)
        visits = 0
        if lane is None:
            reason = _never(resource, service=service, place=place, territory_ids=territory_ids)
        else:
            visits = sum(a < bounds[1] and b > bounds[0] for a, b in zip(lane.starts_s, lane.ends_s, strict=True))
            reason = _not_then(resource, lane, day, bounds, starts, calendar.site, holidays, service, rules, travel)
        home = known_point(lat=resource.home_lat, lon=resource.home_lon)
        found.append(
            TechnicianDay(
                technician_id=resource.id,
                name=resource.name,
                reason=reason,
                distance_m=distance_m(home, place) if home is not None and place is not None else None,
                radius_m=resource.max_travel_m,
                visits=visits,
                works_on_weekday=any(shift.weekday == day.weekday() for shift in resource.shifts),
            )
        )
    return tuple(found)


def _never(
    resource: Resource, *, service: ServiceType, place: Point | None, territory_ids: frozenset[str]
) -> TechnicianReason:
    reason = obstacle(resource, service=service, place=place, territory_ids=territory_ids)
    # Without a lane and without an obstacle: somebody who was made active since the calendar was read.
    return "inactive" if reason is None or reason == "skill_missing" else reason


def _not_then(
    resource: Resource,
    lane: Lane,
    day: datetime.date,
    bounds: tuple[int, int],
    starts: Sequence[tuple[int, datetime.date]],
    site: Point | None,
    holidays: Mapping[datetime.date, str],
    service: ServiceType,
    rules: Rules,
    travel: TravelTime,
) -> TechnicianReason:
    spans = [span for span in lane.spans if span.start_s < bounds[1] and span.end_s > bounds[0]]
    if not spans:
        return _off(resource, day, holidays)
    if all(span.end_s <= starts[0][0] for span in spans):
        return "shift_over"

    unlimited = replace(lane, full_days=())

    def fits(*, with_visits: bool, travel: TravelTime) -> bool:
        one = unlimited if with_visits else replace(unlimited, starts_s=[], ends_s=[], points=[])
        alone = Calendar(site=site, lanes=(one,))
        buffer_s = rules.buffer_s if with_visits else 0
        return bool(find_candidates(alone, starts, duration_s=service.duration_s, travel=travel, buffer_s=buffer_s))

    if not fits(with_visits=False, travel=_NO_TRAVEL):
        return "shift_too_short"
    if not fits(with_visits=False, travel=travel):
        return "drive_too_long"
    if fits(with_visits=True, travel=travel):
        return "at_capacity"
    return "no_time_to_drive" if fits(with_visits=True, travel=_NO_TRAVEL) else "full"


def _off(resource: Resource, day: datetime.date, holidays: Mapping[datetime.date, str]) -> TechnicianReason:
    if any(each.kind == "off" and each.date == day for each in resource.exceptions):
        return "time_off"
    if not any(shift.weekday == day.weekday() for shift in resource.shifts):
        return "no_shift"
    return "holiday" if day in holidays else "no_shift"


class _NoTravel:
    def seconds(self, origin: Point | None, destination: Point | None) -> int:
        return 0


_NO_TRAVEL = _NoTravel()
