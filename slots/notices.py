"""What to tell whom, and when: rules from an event to outbox rows. Pure.

A notice names no time and no text: the sender looks the visit up when it sends, so that a message never tells what
is no longer so. `still_wanted` is asked again at that moment.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from slots.events import (
    AppointmentBooked,
    AppointmentCanceled,
    AppointmentCompleted,
    AppointmentMoved,
    AppointmentReassigned,
    Event,
    TravelStarted,
    TravelUndone,
    WorkStarted,
)
from slots.model import Appointment, AppointmentView, Rules, Status, Value
from slots.zones import clock_reaches

NoticeKind = Literal[
    "invitation",
    "password_reset",
    "confirmed",
    "reminder",
    "moved",
    "canceled",
    "on_the_way",
    "running_late",
    "arriving",
    "completed",
]

# Not to a person: see `slots.event_notices`.
EVENT_PREFIX = "event."
EventKind = Literal[
    "event.booked",
    "event.moved",
    "event.canceled",
    "event.traveling",
    "event.undone",
    "event.started",
    "event.completed",
    "event.reassigned",
    "event.rated",
]

# The states in which a message about a visit still makes sense; asked when it is sent.
WANTED_IN: dict[str, frozenset[Status]] = {
    "confirmed": frozenset({Status.SCHEDULED, Status.TRAVELING}),
    "reminder": frozenset({Status.SCHEDULED}),
    "moved": frozenset({Status.SCHEDULED, Status.TRAVELING}),
    "canceled": frozenset({Status.CANCELED}),
    "on_the_way": frozenset({Status.TRAVELING}),
    "running_late": frozenset({Status.SCHEDULED, Status.TRAVELING}),
    "arriving": frozenset({Status.TRAVELING}),
    "completed": frozenset({Status.COMPLETED}),
}

NEWS_UNDER_WAY = frozenset({"on_the_way", "running_late", "arriving"})

# The customer waits for nothing here, so nobody's phone rings at night for it.
QUIET_KINDS = frozenset({"reminder", "completed"})

# Whoever forgot their password has no other way in.
SWITCHABLE_KINDS = tuple(kind for kind in get_args(NoticeKind) if kind != "password_reset")

# How long a message is worth sending: news of a visit under way is stale within minutes, a receipt is not.
LIFETIME_S: dict[str, int] = {
    "on_the_way": 30 * 60,
    "running_late": 30 * 60,
    "arriving": 10 * 60,
    "canceled": 3 * 86_400,
    "completed": 3 * 86_400,
}

# A reminder that quiet hours push to less than this before the window comes the evening before instead.
LATEST_REMINDER_S = 3600


class Notice(Value, frozen=True, kw_only=True):
    """A message to be. `key` is unique: visit, kind and version (or another stable key without a visit)."""

    key: str
    kind: NoticeKind | EventKind
    due_s: int
    expires_s: int
    appointment_id: str | None = None
    contact_id: str | None = None
    version: int = 0
    payload: Mapping[str, Any] = {}


class Telling(Value, frozen=True, kw_only=True):
    """What an event means for the outbox: first the visit's pending messages of these kinds die, then new ones come."""

    dying: frozenset[str] = frozenset()
    notices: tuple[Notice, ...] = ()


def tell(event: Event, *, rules: Rules, pending: frozenset[str] = frozenset()) -> Telling:
    """`pending` are the kinds of this visit that wait unsent in the outbox."""
    view, now_s = event.view, event.server_s
    match event:
        case AppointmentBooked():
            return _telling(rules, notice("confirmed", view, now_s=now_s), reminder(view, rules=rules, now_s=now_s))
        case AppointmentMoved():
            return _tell_move(event, rules=rules, pending=pending)
        case AppointmentCanceled():
            facts = {
                "reason": event.reason,
                "by": event.actor.role,
                "late": event.late,
                "offer_again": event.offer_again,
            }
            news = notice("canceled", view, now_s=now_s, payload=facts)
            return _telling(rules, news, dying=frozenset(WANTED_IN) - {"canceled"})
        case TravelStarted():
            return _telling(rules, notice("on_the_way", view, now_s=now_s), dying=frozenset({"reminder"}))
        case TravelUndone():
            # Setting off killed the reminder; one whose time is over by now was sent before.
            return _telling(rules, reminder(view, rules=rules, now_s=now_s), dying=NEWS_UNDER_WAY)
        case WorkStarted():
            return Telling(dying=NEWS_UNDER_WAY)
        case AppointmentCompleted():
            due_s = after_quiet_hours(now_s, zone=ZoneInfo(view.time_zone), rules=rules)
            news = notice("completed", view, now_s=now_s, due_s=due_s)
            return _telling(rules, news, dying=frozenset(WANTED_IN) - {"completed"})
        case AppointmentReassigned():
            return Telling()  # the page and the link show the new name; no message of its own
        case _:
            return Telling()


def retell(view: AppointmentView, *, told_window_start_s: int, rules: Rules, now_s: int) -> Notice | None:
    """The `moved` message owed when a message just sent named a time that the visit has left meanwhile."""
    visit = view.appointment
    if visit.status is not Status.SCHEDULED or not _differs(visit, told_window_start_s, rules):
        return None
    news = notice("moved", view, now_s=now_s)
    return None if "moved" in rules.muted_notices else news


def still_wanted(kind: str, appointment: Appointment | None, *, rules: Rules) -> str | None:
    """None to send; else the reason why not, for the log: `muted`, or the state that outdated it. A message about no
    visit is outdated by none."""
    if kind in rules.muted_notices:
        return "muted"
    if appointment is not None and kind in WANTED_IN and appointment.status not in WANTED_IN[kind]:
        return f"visit is {appointment.status.value}"
    return None


def notice(
    kind: NoticeKind,
    view: AppointmentView,
    *,
    now_s: int,
    due_s: int | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Notice:
    """A notice about a visit; also the way for `running_late` and `arriving`, which the live side sees first."""
    visit = view.appointment
    due_s = now_s if due_s is None else due_s
    lifetime_s = LIFETIME_S.get(kind)
    expires_s = visit.window_end_s if lifetime_s is None else due_s + lifetime_s
    return Notice(
        key=f"{visit.id}.{kind}.{visit.version}",
        kind=kind,
        due_s=due_s,
        expires_s=expires_s,
        appointment_id=visit.id,
        contact_id=visit.contact_id,
        version=visit.version,
        payload=payload or {},
    )


def reminder(view: AppointmentView, *, rules: Rules, now_s: int) -> Notice | None:
    """None if its time is over: whoever books for tomorrow was just told. None at all where `rules.reminder_s` is 0."""
    if not rules.reminder_s:
        return None
    visit, zone = view.appointment, ZoneInfo(view.time_zone)
    due_s = visit.window_start_s - rules.reminder_s
    if due_s <= now_s:
        return None
    later_s = after_quiet_hours(due_s, zone=zone, rules=rules)
    if later_s > visit.window_start_s - LATEST_REMINDER_S:
        later_s = before_quiet_hours(due_s, zone=zone, rules=rules)
    if later_s <= now_s:
        return None
    return notice("reminder", view, now_s=now_s, due_s=later_s)


def after_quiet_hours(instant_s: int, *, zone: ZoneInfo, rules: Rules) -> int:
    """The instant itself, or the end of the quiet hours it lies in."""
    return _quiet_bounds(instant_s, zone, rules)[1]


def before_quiet_hours(instant_s: int, *, zone: ZoneInfo, rules: Rules) -> int:
    """The instant itself, or the beginning of the quiet hours it lies in."""
    return _quiet_bounds(instant_s, zone, rules)[0]


def _quiet_bounds(instant_s: int, zone: ZoneInfo, rules: Rules) -> tuple[int, int]:
    if rules.quiet_from_min == rules.quiet_to_min:
        return instant_s, instant_s
    today = datetime.datetime.fromtimestamp(instant_s, zone).date()
    length_min = (rules.quiet_to_min - rules.quiet_from_min) % 1440
    for day in (today - datetime.timedelta(days=1), today):
        start_s = clock_reaches(day, rules.quiet_from_min * 60, zone)
        end_s = clock_reaches(day, (rules.quiet_from_min + length_min) * 60, zone)
        if start_s <= instant_s < end_s:
            return start_s, end_s
    return instant_s, instant_s


def _tell_move(event: AppointmentMoved, *, rules: Rules, pending: frozenset[str]) -> Telling:
    view, visit = event.view, event.view.appointment
    reminder_again = reminder(view, rules=rules, now_s=event.server_s)
    told_s = visit.told_window_start_s
    if told_s is None:
        told_s = event.old_window_start_s  # what the confirmation page showed
    news = None
    # A confirmation still waiting will name the new time by itself.
    if "confirmed" not in pending and _differs(visit, told_s, rules):
        facts = {"old_window_start_s": told_s, "by": event.actor.role}
        news = notice("moved", view, now_s=event.server_s, payload=facts)
    return _telling(rules, news, reminder_again, dying=frozenset({"moved", "reminder", "running_late"}))


def _differs(visit: Appointment, told_s: int, rules: Rules) -> bool:
    return abs(visit.window_start_s - told_s) > rules.retell_s


def _telling(rules: Rules, *notices: Notice | None, dying: frozenset[str] = frozenset()) -> Telling:
    kept = (n for n in notices if n is not None and n.kind not in rules.muted_notices)
    return Telling(dying=dying, notices=tuple(kept))
