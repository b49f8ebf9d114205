"""The snapshot that availability is computed from: who could come, when they work, where they are already. Pure."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Literal, NamedTuple, overload
from zoneinfo import ZoneInfo

from slots.intervals import IntervalSet, interval_set
from slots.model import Resource, ServiceType, Site
from slots.shifts import Span, duty_spans
from slots.travel import Point, distance_m, known_point
from slots.zones import day_bounds, local_date

Obstacle = Literal["inactive", "skill_missing", "outside_territory", "radius_unknown", "beyond_radius"]

# Start, then end, of either form of what is taken.
_BY_START = itemgetter(0, 1)


class Busy(NamedTuple):
    """A place in time that is taken, by a live visit or a hold. `point` None: nobody knows where."""

    start_s: int
    end_s: int
    point: Point | None


class BusyAt(NamedTuple):
    """The same by its coordinates: of a full day most visits are never driven from or to, and cost no point."""

    start_s: int
    end_s: int
    lat: float | None
    lon: float | None

    @property
    def point(self) -> Point | None:
        return known_point(lat=self.lat, lon=self.lon)


class Points(Sequence[Point | None]):
    """The points of a list of what is taken, each made when it is asked for."""

    __slots__ = ("_taken",)

    def __init__(self, taken: Sequence[Busy | BusyAt]) -> None:
        self._taken = taken

    def __len__(self) -> int:
        return len(self._taken)

    @overload
    def __getitem__(self, index: int) -> Point | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[Point | None]: ...
    def __getitem__(self, index: int | slice) -> Point | list[Point | None] | None:
        if isinstance(index, slice):
            return [entry.point for entry in self._taken[index]]
        return self._taken[index].point


@dataclass(frozen=True, slots=True)
class Lane:
    """One technician's time line: spans of duty by start, and three parallel sequences of what is taken, by start.

    `full_days` are local days on which no further visit may start.
    """

    key: int
    home: Point | None
    spans: tuple[Span, ...]
    starts_s: list[int]
    ends_s: list[int]
    points: Sequence[Point | None]
    full_days: IntervalSet = ()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Lanes of the technicians who may do this service at this site, by key, so that ties are stable."""

    site: Point | None
    lanes: tuple[Lane, ...]


def build_calendar(
    *,
    resources: Iterable[Resource],
    busy: Mapping[int, Iterable[Busy | BusyAt]],
    holidays: frozenset[datetime.date],
    service: ServiceType,
    site: Site,
    territory_ids: frozenset[str],
    from_s: int,
    to_s: int,
    done: Mapping[int, Iterable[int]] | None = None,
) -> Calendar:
    """`busy` by technician key, in any order; `territory_ids` are those that contain the site; `done` the starts of
    completed visits, which take no time any more but count among those of their day."""
    spans_of: dict[object, tuple[Span, ...]] = {}
    lanes = []
    for resource in eligible_resources(resources, service=service, site=site, territory_ids=territory_ids):
        # Most technicians share a few patterns of hours, and spans cost more than everything else here.
        pattern = (resource.time_zone, resource.shifts, resource.breaks, resource.exceptions)
        spans = spans_of.get(pattern)
        if spans is None:
            spans = duty_spans(resource, holidays=holidays, from_s=from_s, to_s=to_s)
            spans_of[pattern] = spans
        lanes.append(_lane(resource, spans, busy.get(resource.key, ()), (done or {}).get(resource.key, ())))
    return Calendar(site=known_point(lat=site.lat, lon=site.lon), lanes=tuple(lanes))


def eligible_resources(
    resources: Iterable[Resource], *, service: ServiceType, site: Site, territory_ids: frozenset[str]
) -> tuple[Resource, ...]:
    """Those who may do the service at the site, by key."""
    place = known_point(lat=site.lat, lon=site.lon)
    found = (r for r in resources if is_eligible(r, service=service, place=place, territory_ids=territory_ids))
    return tuple(sorted(found, key=lambda resource: resource.key))


def is_eligible(
    resource: Resource, *, service: ServiceType, place: Point | None, territory_ids: frozenset[str]
) -> bool:
    """Active, has the skill, works in a territory of the site, and the site lies within the radius around home."""
    return obstacle(resource, service=service, place=place, territory_ids=territory_ids) is None


def obstacle(
    resource: Resource, *, service: ServiceType, place: Point | None, territory_ids: frozenset[str]
) -> Obstacle | None:
    """The first thing, whatever the day, that keeps a technician from doing the service there; None if nothing does."""
    if not resource.active:
        return "inactive"
    if service.skill is not None and service.skill not in resource.skills:
        return "skill_missing"
    if resource.territories and not (resource.territories & territory_ids):
        return "outside_territory"
    if resource.max_travel_m is None:
        return None
    home = known_point(lat=resource.home_lat, lon=resource.home_lon)
    if home is None or place is None:
        # A radius that cannot be measured is not kept.
        return "radius_unknown"
    return "beyond_radius" if distance_m(home, place) > resource.max_travel_m else None


def _lane(resource: Resource, spans: tuple[Span, ...], busy: Iterable[Busy | BusyAt], done: Iterable[int]) -> Lane:
    taken = sorted(busy, key=_BY_START)
    return Lane(
        key=resource.key,
        home=known_point(lat=resource.home_lat, lon=resource.home_lon),
        spans=spans,
        starts_s=[entry.start_s for entry in taken],
        ends_s=[entry.end_s for entry in taken],
        points=Points(taken),
        full_days=_full_days(resource, chain((entry.start_s for entry in taken), done)),
    )


def _full_days(resource: Resource, starts_s: Iterable[int]) -> IntervalSet:
    if resource.max_visits_a_day is None:
        return ()
    zone = ZoneInfo(resource.time_zone)
    counts = Counter(local_date(start_s, zone) for start_s in starts_s)
    return interval_set(day_bounds(day, zone) for day, count in counts.items() if count >= resource.max_visits_a_day)
