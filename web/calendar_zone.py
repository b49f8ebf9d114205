"""The VTIMEZONE of one zone around one visit. Pure.

Made here, because icalendar's own is late by the jump wherever clocks go forward: it writes the onset as the clock
shows it after the change, RFC 5545 wants it as the clock would have gone on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

# Long enough to hold the changes before and after the visit, whatever the zone; all of history would be most of the
# file, and no entry but this one reads it.
AROUND = timedelta(days=366)
LONGEST_BETWEEN_LOOKS = timedelta(days=7)


def time_zone_around(zone: ZoneInfo, *, start_s: int, end_s: int) -> Timezone:
    """The zone's changes from a year before the visit to a year after it, each by its own onset."""
    first = datetime.fromtimestamp(start_s, UTC) - AROUND
    last = datetime.fromtimestamp(end_s, UTC) + AROUND
    onsets = [first, *_changes(zone, first, last)]
    standard = min(_offset(zone, onset) for onset in onsets)
    time_zone = Timezone()
    time_zone.add("tzid", zone.key)
    for onset in onsets:
        offset_to = _offset(zone, onset)
        offset_from = _offset(zone, onset - timedelta(seconds=1))
        rule = TimezoneDaylight() if offset_to > standard else TimezoneStandard()
        rule.add("dtstart", (onset + offset_from).replace(tzinfo=None))
        rule.add("tzoffsetfrom", offset_from)
        rule.add("tzoffsetto", offset_to)
        rule.add("tzname", onset.astimezone(zone).tzname() or zone.key)
        time_zone.add_component(rule)
    return time_zone


def is_ambiguous(instant_s: int, zone: ZoneInfo) -> bool:
    """The wall clock shows this time twice, so that a date and a zone do not say which is meant."""
    wall = datetime.fromtimestamp(instant_s, zone).replace(tzinfo=zone)
    return wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset()


def _changes(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """The first second of every new offset after `first`, up to `last`."""
    looked = first
    while looked < last:
        following = min(looked + LONGEST_BETWEEN_LOOKS, last)
        if _offset(zone, looked) != _offset(zone, following):
            yield _change_between(zone, looked, following)
        looked = following


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    offset = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
