"""Why days are empty: a reason beside every offer, and the whole story for the dispatcher."""

from __future__ import annotations

import datetime
import functools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from slots import calendar_store, catalog_store
from slots.booking.finding import Question, load_question_of_account
from slots.booking.scheduling import Scheduling
from slots.booking.traveling import search, settled
from slots.calendar import Calendar
from slots.explanation import DayExplanation, TechnicianDay, empty_reason, explain_technicians, lead_reason
from slots.model import EmptyReason, Resource, Rules, Value
from slots.store import Connection
from slots.travel import known_point
from slots.travel_table import Figure, Leg, TravelTable


async def empty_reasons(
    scheduling: Scheduling, question: Question, days: Collection[datetime.date], *, now_s: int
) -> dict[datetime.date, EmptyReason]:
    """What to tell the customer about each of these days, on which nothing was found."""
    if not days:
        return {}
    holidays: Mapping[datetime.date, str] = {}
    skilled = True
    if question.calendar is not None:
        async with scheduling.database.read() as connection:
            holidays = await _holidays(connection)
            if not question.calendar.lanes:
                active = await catalog_store.resources(connection, active_only=True)
                skilled = any(_has_skill(resource, question) for resource in active)
    return {
        day: _reason(question, day, holidays=holidays, skilled=skilled, rules=scheduling.rules, now_s=now_s)
        for day in days
    }


async def explain(
    scheduling: Scheduling,
    *,
    account_id: str,
    service_id: str,
    site_id: str | None,
    asset_id: str | None = None,
    first_day: datetime.date,
    last_day: datetime.date,
    moving: str | None = None,
    now_s: int,
) -> tuple[DayExplanation, ...]:
    """For the dispatcher: of every day that `offer` finds nothing on, what keeps each technician from coming.

    Takes and raises what `offer` does.
    """
    async with scheduling.database.read() as connection:
        question = await load_question_of_account(
            scheduling,
            connection,
            account_id=account_id,
            service_id=service_id,
            site_id=site_id,
            asset_id=asset_id,
            first_day=first_day,
            last_day=last_day,
            moving=moving,
            now_s=now_s,
        )
        wish = question.wish
        resources = await catalog_store.resources(connection)
        facts = Facts(
            resources=resources,
            territory_ids=await calendar_store.territories_of(connection, wish.site, resources),
            holidays=await _holidays(connection),
        )
    calendar, used = question.calendar, dict[Leg, Figure]()
    counts: Counter[datetime.date] = Counter()
    if calendar is not None:
        found, table = await search(
            scheduling.travel,
            scheduling.aside,
            calendar,
            question.starts,
            duration_s=wish.service.duration_s,
            buffer_s=scheduling.rules.buffer_s,
        )
        counts.update(candidate.day for candidate in found)
        used |= table.used
    days = []
    for day in sorted(question.days):
        starts = [entry for entry in question.starts if entry[1] == day]
        technicians: tuple[TechnicianDay, ...] = ()
        if calendar is not None and starts and not counts[day]:
            ask = functools.partial(_technicians, question, facts, calendar, day, starts, scheduling.rules)
            technicians, table = await settled(scheduling.travel, scheduling.aside, ask, site=calendar.site)
            used |= table.used
        days.append(_day(question, facts, day, counts[day], technicians, scheduling.rules, now_s))
    estimated = sum(figure.estimated for figure in used.values())
    return tuple(msgspec.structs.replace(day, legs=len(used), estimated_legs=estimated) for day in days)


class Facts(Value, frozen=True, kw_only=True):
    """What an explanation needs beside the question."""

    resources: tuple[Resource, ...]
    territory_ids: frozenset[str]
    holidays: Mapping[datetime.date, str]


def _technicians(
    question: Question,
    facts: Facts,
    calendar: Calendar,
    day: datetime.date,
    starts: Sequence[tuple[int, datetime.date]],
    rules: Rules,
    travel: TravelTable,
) -> tuple[TechnicianDay, ...]:
    return explain_technicians(
        day,
        calendar,
        starts,
        resources=facts.resources,
        service=question.wish.service,
        site=question.wish.site,
        territory_ids=facts.territory_ids,
        holidays=facts.holidays,
        rules=rules,
        travel=travel,
    )


def _day(
    question: Question,
    facts: Facts,
    day: datetime.date,
    slots: int,
    technicians: tuple[TechnicianDay, ...],
    rules: Rules,
    now_s: int,
) -> DayExplanation:
    wish = question.wish
    active = [resource for resource in facts.resources if resource.active]
    skilled = sum(_has_skill(resource, question) for resource in active)
    reason = None
    if not slots:
        reason = _reason(question, day, holidays=facts.holidays, skilled=skilled > 0, rules=rules, now_s=now_s)
    return DayExplanation(
        date=day,
        slots=slots,
        reason=reason,
        skill=wish.service.skill,
        holiday=facts.holidays.get(day),
        place_unknown=known_point(lat=wish.site.lat, lon=wish.site.lon) is None,
        without_skill=len(active) - skilled,
        technicians=technicians,
    )


def _reason(
    question: Question,
    day: datetime.date,
    *,
    holidays: Mapping[datetime.date, str],
    skilled: bool,
    rules: Rules,
    now_s: int,
) -> EmptyReason:
    zone = question.wish.zone
    starts = [start_s for start_s, start_day in question.starts if start_day == day]
    if question.calendar is None or not starts:
        return lead_reason(day, zone=zone, rules=rules, now_s=now_s)
    return empty_reason(day, question.calendar, starts, zone=zone, holidays=holidays, somebody_has_skill=skilled)


def _has_skill(resource: Resource, question: Question) -> bool:
    skill = question.wish.service.skill
    return skill is None or skill in resource.skills


async def _holidays(connection: Connection) -> dict[datetime.date, str]:
    return {holiday.date: holiday.name for holiday in await catalog_store.holidays(connection)}
