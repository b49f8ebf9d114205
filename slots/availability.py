"""Which starts can be offered, and who would come. Pure: the same functions answer "offer" and "is it still free".

For a start to fit a technician, with `visit before` the last thing taken before it and `visit after` the next one:
    the visit lies inside one piece of a span of duty, and overlaps nothing that is taken
    it does not start on a day that has all the visits the technician takes
    end of visit before + travel + buffer ≤ start,      first of the span: start of span + travel from home ≤ start
    end + travel + buffer ≤ start of visit after,        last of the span: end + travel home ≤ end of span
Inside a span only working time counts as time to travel: nobody drives through a break.

Instead of trying every start against every technician, each gap of a time line is looked at once: travel depends on
the gap, not on the start, so a gap yields a range of starts and one added travel time. Gaps too short for the bare
visit, which are most of a full day, are dropped before any distance is computed.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from slots.calendar import Calendar, Lane
from slots.errors import NotBookableReason
from slots.intervals import Interval, IntervalSet, interval_set, subtract
from slots.model import Rules
from slots.shifts import Span
from slots.travel import Point, TravelTime
from slots.zones import DAY_S, local_date, start_grid

# Around the days asked for: long enough to see the visits before and after in any span.
MARGIN_S = 2 * DAY_S


class Candidate(NamedTuple):
    """A start and the technician with the least added travel for it."""

    start_s: int
    day: datetime.date
    technician_key: int
    added_travel_s: int


def lead_problem(start_s: int, *, zone: ZoneInfo, rules: Rules, now_s: int) -> NotBookableReason | None:
    """Why this start is too near or too far, by elapsed seconds and by the site's calendar days."""
    days = (local_date(start_s, zone) - local_date(now_s, zone)).days
    if start_s < now_s + rules.min_lead_s or days < rules.min_lead_days:
        return "too_soon"
    if days > rules.max_lead_days:
        return "too_far_ahead"
    return None


def bookable_starts(
    first_day: datetime.date, last_day: datetime.date, *, zone: ZoneInfo, rules: Rules, now_s: int
) -> list[tuple[int, datetime.date]]:
    """The grid of starts in the site's days, without those too near or too far."""
    today = local_date(now_s, zone)
    first_day = max(first_day, today + datetime.timedelta(days=rules.min_lead_days))
    last_day = min(last_day, today + datetime.timedelta(days=rules.max_lead_days))
    grid = start_grid(first_day, last_day, step_s=rules.slot_step_s, zone=zone)
    return [entry for entry in grid if entry[0] >= now_s + rules.min_lead_s]


def find_candidates(
    calendar: Calendar,
    starts: Sequence[tuple[int, datetime.date]],
    *,
    duration_s: int,
    travel: TravelTime,
    buffer_s: int,
) -> list[Candidate]:
    """One candidate per start that somebody can keep, by start. Ties go to the smallest technician key."""
    if not starts:
        return []
    grid = [start_s for start_s, _ in starts]
    best: list[tuple[int, int] | None] = [None] * len(grid)
    search = _Search(calendar.site, grid, duration_s=duration_s, travel=travel, buffer_s=buffer_s)
    for lane in calendar.lanes:
        for first, last, added_s in search.ranges(lane):
            offer = (added_s, lane.key)
            for index in range(first, last):
                so_far = best[index]
                if so_far is None or offer < so_far:
                    best[index] = offer
    return [
        Candidate(start_s, day, winner[1], winner[0])
        for (start_s, day), winner in zip(starts, best, strict=True)
        if winner is not None
    ]


class _Search:
    """What stays the same for every lane of one question."""

    __slots__ = ("_buffer_s", "_duration_s", "_grid", "_seconds", "_site")

    def __init__(
        self, site: Point | None, grid: list[int], *, duration_s: int, travel: TravelTime, buffer_s: int
    ) -> None:
        self._site = site
        self._grid = grid
        self._duration_s = duration_s
        self._seconds = travel.seconds
        self._buffer_s = buffer_s

    def ranges(self, lane: Lane) -> list[tuple[int, int, int]]:
        """Half-open ranges of indices into the grid that fit this lane, with the added travel of each."""
        grid, duration_s = self._grid, self._duration_s
        starts_s, ends_s = lane.starts_s, lane.ends_s
        found: list[tuple[int, int, int]] = []
        count = len(starts_s)
        entry = 0
        for span in lane.spans:
            span_start, span_end = span.start_s, span.end_s
            if span_end <= grid[0] or span_start > grid[-1]:
                continue
            while entry < count and ends_s[entry] <= span_start:
                entry += 1
            # `before` is the index of what was taken last, -1 while the technician comes from home.
            before, gap_start = -1, span_start
            position = entry
            while True:
                inside = position < count and starts_s[position] < span_end
                gap_end = starts_s[position] if inside else span_end
                if gap_end - gap_start >= duration_s:
                    index = bisect_left(grid, gap_start)
                    if index < len(grid) and grid[index] + duration_s <= gap_end:
                        after = position if inside else -1
                        found.extend(self._fit(lane, span, (gap_start, gap_end), before, after, entry))
                if not inside:
                    break
                # An overrun visit may end after the next one starts: the later end counts.
                if ends_s[position] > gap_start or before < 0:
                    gap_start, before = max(gap_start, ends_s[position]), position
                position += 1
                if gap_start >= span_end:
                    break
        return self._outside(lane.full_days, found) if lane.full_days else found

    def _outside(self, days: IntervalSet, ranges: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """The ranges without the starts that lie in these days."""
        grid = self._grid
        shut = interval_set((bisect_left(grid, start_s), bisect_left(grid, end_s)) for start_s, end_s in days)
        return [(*part, added_s) for first, last, added_s in ranges for part in subtract(((first, last),), shut)]

    def _fit(
        self, lane: Lane, span: Span, gap: Interval, before: int, after: int, first_entry: int
    ) -> list[tuple[int, int, int]]:
        """`first_entry` is the index of the first thing taken that ends after the span has begun."""
        seconds, site, duration_s = self._seconds, self._site, self._duration_s
        origin = lane.points[before] if before >= 0 else lane.home
        target = lane.points[after] if after >= 0 else lane.home
        there_s = seconds(origin, site)
        back_s = seconds(site, target)
        needs_before = there_s + self._buffer_s if before >= 0 else there_s
        needs_after = back_s + self._buffer_s if after >= 0 else back_s
        if gap[1] - gap[0] < needs_before + duration_s + needs_after:
            return []
        # Something taken outside the span still has to be come from, or gone to.
        not_before, not_after = gap
        if before < 0 and first_entry > 0:
            previous = first_entry - 1
            not_before = lane.ends_s[previous] + seconds(lane.points[previous], site) + self._buffer_s
        if after < 0:
            following = bisect_left(lane.starts_s, span.end_s)
            if following < len(lane.starts_s):
                leave_s = seconds(site, lane.points[following]) + self._buffer_s
                not_after = min(not_after, lane.starts_s[following] - leave_s)
        # Without any visit in the span the technician would have stayed at home.
        skipped_s = 0 if before < 0 and after < 0 else seconds(origin, target)
        added_s = there_s + back_s - skipped_s
        found = []
        for earliest, latest_end in _usable(span.pieces, gap, needs_before, needs_after):
            first = bisect_left(self._grid, max(earliest, not_before))
            last = bisect_left(self._grid, min(latest_end, not_after) - duration_s + 1)
            if first < last:
                found.append((first, last, added_s))
        return found


def _usable(pieces: IntervalSet, gap: Interval, needs_before: int, needs_after: int) -> list[Interval]:
    """Each piece of working time in the gap, without what travel takes from its two ends of the gap."""
    inside = [(max(a, gap[0]), min(b, gap[1])) for a, b in pieces if a < gap[1] and b > gap[0]]
    left_s = sum(b - a for a, b in inside)
    passed_s = 0
    usable = []
    for a, b in inside:
        left_s -= b - a
        earliest = a + max(0, needs_before - passed_s)
        latest_end = b - max(0, needs_after - left_s)
        if earliest < latest_end:
            usable.append((earliest, latest_end))
        passed_s += b - a
    return usable
