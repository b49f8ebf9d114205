"""Two other ways to find free slots, as others do it, to be measured beside ours on the same calendar.

`slot_by_slot` keeps all our rules, travel included, and gives the same answer: every start is tried against every
technician. `period_by_period` is the method of Easy!Appointments, written anew: from each provider's day the breaks and
then the appointments are cut out one by one, the periods that are left are filled with starts, and the providers'
starts are joined. It knows no travel, and does not say who has the shortest way.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from benchmarks.company import ZONE
from slots.availability import Candidate
from slots.calendar import Calendar, Lane
from slots.intervals import Interval
from slots.model import Rules
from slots.shifts import Span
from slots.travel import Point, TravelTime
from slots.zones import local_date


def slot_by_slot(
    calendar: Calendar,
    starts: Sequence[tuple[int, datetime.date]],
    *,
    duration_s: int,
    travel: TravelTime,
    buffer_s: int,
) -> list[Candidate]:
    found = []
    for start_s, day in starts:
        best: tuple[int, int] | None = None
        for lane in calendar.lanes:
            added_s = _added_travel_s(lane, start_s, start_s + duration_s, calendar.site, travel, buffer_s)
            if added_s is not None and (best is None or (added_s, lane.key) < best):
                best = added_s, lane.key
        if best is not None:
            found.append(Candidate(start_s, day, best[1], best[0]))
    return found


def _added_travel_s(
    lane: Lane, start_s: int, end_s: int, site: Point | None, travel: TravelTime, buffer_s: int
) -> int | None:
    """Seconds that this visit adds to the day of the technician, None if it does not fit."""
    span = next((span for span in lane.spans if span.start_s <= start_s and end_s <= span.end_s), None)
    if span is None or not any(a <= start_s and end_s <= b for a, b in span.pieces):
        return None
    if any(a <= start_s < b for a, b in lane.full_days):
        return None
    before = after = None
    for index, (taken_s, free_s) in enumerate(zip(lane.starts_s, lane.ends_s, strict=True)):
        if taken_s < end_s and free_s > start_s:
            return None
        if free_s <= start_s:
            before = index
        elif after is None:
            after = index
    comes_from = goes_to = lane.home
    there_s, back_s = travel.seconds(lane.home, site), travel.seconds(site, lane.home)
    leaves_at_s, back_by_s = span.start_s, span.end_s
    leaving_s, arriving_s = there_s, back_s
    if before is not None:
        from_before_s = travel.seconds(lane.points[before], site)
        if lane.ends_s[before] > span.start_s:
            comes_from, there_s, leaves_at_s = lane.points[before], from_before_s, lane.ends_s[before]
            leaving_s = from_before_s + buffer_s
        elif lane.ends_s[before] + from_before_s + buffer_s > start_s:
            return None
    if after is not None:
        to_after_s = travel.seconds(site, lane.points[after])
        if lane.starts_s[after] < span.end_s:
            goes_to, back_s, back_by_s = lane.points[after], to_after_s, lane.starts_s[after]
            arriving_s = to_after_s + buffer_s
        elif end_s + to_after_s + buffer_s > lane.starts_s[after]:
            return None
    if _worked_s(span, leaves_at_s, start_s) < leaving_s or _worked_s(span, end_s, back_by_s) < arriving_s:
        return None
    alone = not any(a < span.end_s and b > span.start_s for a, b in zip(lane.starts_s, lane.ends_s, strict=True))
    return there_s + back_s - (0 if alone else travel.seconds(comes_from, goes_to))


def _worked_s(span: Span, from_s: int, to_s: int) -> int:
    return sum(max(0, min(b, to_s) - max(a, from_s)) for a, b in span.pieces)


def period_by_period(
    calendar: Calendar, days: Sequence[datetime.date], *, duration_s: int, rules: Rules, now_s: int
) -> list[int]:
    """Starts that any provider has, in order."""
    offered: set[int] = set()
    for lane in calendar.lanes:
        plan = {local_date(span.start_s, ZONE): span for span in lane.spans}
        for day in days:
            for period in _free_periods(lane, plan.get(day)):
                offered.update(_starts_in(period, duration_s=duration_s, step_s=rules.slot_step_s))
    earliest_s = now_s + rules.min_lead_s
    return sorted(start_s for start_s in offered if start_s >= earliest_s)


def _free_periods(lane: Lane, plan: Span | None) -> list[Interval]:
    """The day's working plan without its breaks, then without each appointment of the day."""
    if plan is None:
        return []
    periods = list(plan.pieces)
    # A query of its own for each provider and day, in Easy!Appointments; a look into a sorted list here.
    first, beyond = bisect_right(lane.ends_s, plan.start_s), bisect_left(lane.starts_s, plan.end_s)
    for taken_s, free_s in zip(lane.starts_s[first:beyond], lane.ends_s[first:beyond], strict=True):
        periods = [rest for period in periods for rest in _without(period, taken_s, free_s)]
    return periods


def _without(period: Interval, taken_s: int, free_s: int) -> list[Interval]:
    begin_s, end_s = period
    if taken_s >= end_s or free_s <= begin_s:
        return [period]
    rest = []
    if begin_s < taken_s:
        rest.append((begin_s, taken_s))
    if free_s < end_s:
        rest.append((free_s, end_s))
    return rest


def _starts_in(period: Interval, *, duration_s: int, step_s: int) -> range:
    # Easy!Appointments steps from where the period begins; ours are the full steps of the clock.
    first_s = -(-period[0] // step_s) * step_s
    return range(first_s, period[1] - duration_s + 1, step_s)
