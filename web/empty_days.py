"""Why a day is empty, in words: one kind sentence for the customer, everything for the dispatcher."""

from __future__ import annotations

from collections import Counter

import msgspec

from slots.explanation import NEVER, DayExplanation, TechnicianDay
from slots.model import EmptyReason

# Nobody's name and nobody's day: what a customer may know.
KIND_WORDS: dict[EmptyReason, str] = {
    "past": "This day is over.",
    "no_such_day": "The calendar of this place skips this day.",
    "too_soon": "It is too late to book a visit for this day online. Please call us, we may still find a way.",
    "too_far_ahead": "This day cannot be booked yet. Please come back a little later.",
    "not_offered": "None of us can be booked for this online at the moment. Please call us.",
    "outside_area": "This address lies outside the area that we visit for this. Please call us.",
    "holiday": "This day is a holiday for us.",
    "closed": "We make no visits on this day.",
    "full": "All our times on this day are taken.",
}
# More than a person reads at once; the rest is counted.
NAMED = 12


class EmptyDayJson(msgspec.Struct):
    """`code` is stable; `text` is a sentence for the customer."""

    code: str
    text: str


class TechnicianDayJson(msgspec.Struct):
    """Why this technician cannot come: a stable `reason`, and its words."""

    id: str
    name: str
    reason: str
    text: str


class DayExplanationJson(msgspec.Struct):
    """A day of the question. `reason` null: there are slots. `text` says all in a sentence or two; `technicians` are
    those with the skill. Of `travel_legs` between places `estimated_legs` are reckoned on straight lines."""

    date: str
    slots: int
    reason: str | None
    text: str
    technicians: list[TechnicianDayJson]
    travel_legs: int
    estimated_legs: int


def empty_day_json(reason: EmptyReason | None) -> EmptyDayJson | None:
    return None if reason is None else EmptyDayJson(reason, KIND_WORDS[reason])


def explanation_json(day: DayExplanation) -> DayExplanationJson:
    return DayExplanationJson(
        date=day.date.isoformat(),
        slots=day.slots,
        reason=day.reason,
        text=explanation_text(day),
        technicians=[
            TechnicianDayJson(each.technician_id, each.name, each.reason, technician_text(each, day))
            for each in day.technicians
        ],
        travel_legs=day.legs,
        estimated_legs=day.estimated_legs,
    )


def explanation_text(day: DayExplanation) -> str:
    """For the dispatcher."""
    if day.reason is None:
        return f"{day.slots} {'time' if day.slots == 1 else 'times'} can be booked."
    if day.reason in _BEFORE_ANYBODY and not day.technicians:
        return _BEFORE_ANYBODY[day.reason]
    who = f"with the skill {day.skill}" if day.skill else "at all"
    if day.reason == "not_offered":
        others = f" {_counted(day.without_skill, 'other works', 'others work')} here." if day.without_skill else ""
        return f"No active technician {who}.{others}"
    reasons = {each.reason for each in day.technicians if each.reason != "inactive"}
    weekday = f"{day.date:%A}s"
    able = [each for each in day.technicians if each.reason not in NEVER]
    if reasons == {"outside_territory"}:
        unknown = " Its coordinates are unknown, so nobody can say which it lies in." if day.place_unknown else ""
        return f"The site lies outside the territories of every technician {who}.{unknown}"
    if able and {each.reason for each in able} == {"holiday"}:
        return f"Holiday: {day.holiday}."
    if able and not any(each.works_on_weekday for each in able):
        far = " who can come to this site" if len(able) < len(day.technicians) else ""
        return f"No technician {who}{far} works on {weekday}."
    named = "; ".join(technician_text(each, day) for each in day.technicians[:NAMED])
    more = len(day.technicians) - NAMED
    return (
        f"{_counted(len(day.technicians), 'technician', 'technicians')} {who}: {named}"
        + (f"; and {more} more" if more > 0 else "")
        + "."
        + _counts(day)
    )


def technician_text(each: TechnicianDay, day: DayExplanation) -> str:
    """`Eva lives 80 km away (radius 60 km)`: without a full stop, so that they can stand in a row."""
    match each.reason:
        case "beyond_radius" if each.distance_m is not None and each.radius_m is not None:
            return f"{each.name} lives {_km(each.distance_m)} away (radius {_km(each.radius_m)})"
        case "radius_unknown":
            whose = "the site's coordinates are" if day.place_unknown else "the home's coordinates are"
            return f"{each.name} has a travel radius, but {whose} unknown"
        case "holiday":
            return f"{each.name} has a holiday ({day.holiday})"
        case "no_shift":
            return f"{each.name} does not work on {day.date:%A}s"
        case "full":
            return f"{each.name}'s day is full ({_counted(each.visits, 'visit', 'visits')})"
        case "at_capacity":
            return f"{each.name} takes no more visits on one day ({_counted(each.visits, 'visit', 'visits')})"
        case "no_time_to_drive":
            visits = _counted(each.visits, "visit", "visits")
            return f"{each.name} has gaps around {visits}, but no time to drive there and on"
        case reason:
            return f"{each.name} {_DOES[reason]}"


_BEFORE_ANYBODY: dict[EmptyReason, str] = {
    "past": "The day is over.",
    "no_such_day": "The site's time zone leaves this day out.",
    "too_soon": "Nearer than the minimum lead time.",
    "too_far_ahead": "Further ahead than the maximum lead time.",
}
_DOES = {
    "inactive": "is inactive",
    "outside_territory": "does not work in the site's territory",
    "beyond_radius": "lives too far away",
    "time_off": "has time off",
    "shift_over": "has no working time left",
    "shift_too_short": "has no piece of working time as long as the visit",
    "drive_too_long": "could not drive there and back within the working time",
}


def _counts(day: DayExplanation) -> str:
    """Only where the names do not all stand there."""
    if len(day.technicians) <= NAMED:
        return ""
    counts = Counter(each.reason.replace("_", " ") for each in day.technicians)
    return f" In all: {', '.join(f'{count} {reason}' for reason, count in counts.most_common())}."


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _km(metres: float) -> str:
    return f"{metres / 1000:.1f} km" if metres < 10_000 else f"{metres / 1000:.0f} km"
