"""Why days are empty: a reason beside every offer, and the whole story for the dispatcher."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Mapping

import msgspec

from slots import appointment_store, calendar_store, catalog_store
from slots.availability import find_candidates
from slots.booking.finding import Question, load_question, load_wish
from slots.booking.scheduling import Scheduling
from slots.booking.traveling import settled
from slots.errors import InvalidRange, NotFound
from slots.explanation import DayExplanation, empty_reason, explain_technicians, lead_reason
from slots.model import EmptyReason, Resource, Rules, Value
from slots.store import Connection
from slots.travel import known_point
from slots.travel_table import TravelTable


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
    count = (last_day - first_day).days + 1
    if not 1 <= count <= scheduling.rules.max_query_days:
        raise InvalidRange(f"Ask for 1 to {scheduling.rules.max_query_days} days, not {count}.")
    async with scheduling.database.read() as connection:
        if moving is not None:
            visit = await appointment_store.view(connection, moving)
            if visit is None or visit.appointment.account_id != account_id:
                raise NotFound("visit")
        wish = await load_wish(
            connection,
            account_id=account_id,
            service_id=service_id,
            site_id=site_id,
            asset_id=asset_id,
            also_disabled=moving is not None,
        )
        question = await load_question(
            scheduling, connection, wish, first_day=first_day, last_day=last_day, moving=moving, now_s=now_s
        )
        resources = await catalog_store.resources(connection)
        facts = Facts(
            resources=resources,
            territory_ids=await calendar_store.territories_of(connection, wish.site, resources),
            holidays=await _holidays(connection),
        )
    days, table = await settled(
        scheduling.travel,
        lambda travel: _explained(question, facts, travel, rules=scheduling.rules, now_s=now_s),
        site=known_point(lat=wish.site.lat, lon=wish.site.lon),
    )
    return tuple(_with_legs(day, table) for day in days)


class Facts(Value, frozen=True, kw_only=True):
    """What an explanation needs beside the question."""

    resources: tuple[Resource, ...]
    territory_ids: frozenset[str]
    holidays: Mapping[datetime.date, str]


def _explained(
    question: Question, facts: Facts, travel: TravelTable, *, rules: Rules, now_s: int
) -> list[DayExplanation]:
    wish, calendar = question.wish, question.calendar
    skilled = [resource for resource in facts.resources if _has_skill(resource, question)]
    active = sum(resource.active for resource in facts.resources)
    found: Counter[datetime.date] = Counter()
    if calendar is not None:
        candidates = find_candidates(
            calendar,
            question.starts,
            duration_s=wish.service.duration_s,
            travel=travel,
            buffer_s=rules.buffer_s,
        )
        found.update(candidate.day for candidate in candidates)
    days = []
    for day in sorted(question.days):
        starts = [entry for entry in question.starts if entry[1] == day]
        is_asked = calendar is not None and bool(starts) and not found[day]
        days.append(
            DayExplanation(
                date=day,
                slots=found[day],
                reason=None
                if found[day]
                else _reason(
                    question,
                    day,
                    holidays=facts.holidays,
                    skilled=any(resource.active for resource in skilled),
                    rules=rules,
                    now_s=now_s,
                ),
                skill=wish.service.skill,
                holiday=facts.holidays.get(day),
                place_unknown=known_point(lat=wish.site.lat, lon=wish.site.lon) is None,
                without_skill=active - sum(resource.active for resource in skilled),
                technicians=explain_technicians(
                    day,
                    calendar,
                    starts,
                    resources=skilled,
                    service=wish.service,
                    site=wish.site,
                    territory_ids=facts.territory_ids,
                    holidays=facts.holidays,
                    rules=rules,
                    travel=travel,
                )
                if is_asked and calendar is not None
                else (),
            )
        )
    return days


def _with_legs(day: DayExplanation, table: TravelTable) -> DayExplanation:
    return msgspec.structs.replace(day, legs=len(table.used), estimated_legs=table.estimated)


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
