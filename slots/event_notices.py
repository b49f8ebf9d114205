"""What the operator's other programs are told: one notice for each change of a visit, by its version. Pure.

Unlike a message to a person it says what was so at that moment, and nothing outdates it.
"""

from __future__ import annotations

from collections.abc import Mapping

from slots.events import (
    AppointmentBooked,
    AppointmentCanceled,
    AppointmentCompleted,
    AppointmentMoved,
    AppointmentRated,
    AppointmentReassigned,
    Event,
    TravelStarted,
    TravelUndone,
    WorkStarted,
)
from slots.notices import EventKind, Notice

# A receiver may be down over a long weekend.
LIFETIME_S = 7 * 86_400

KIND_OF: Mapping[type[Event], EventKind] = {
    AppointmentBooked: "event.booked",
    AppointmentMoved: "event.moved",
    AppointmentCanceled: "event.canceled",
    TravelStarted: "event.traveling",
    TravelUndone: "event.undone",
    WorkStarted: "event.started",
    AppointmentCompleted: "event.completed",
    AppointmentReassigned: "event.reassigned",
    AppointmentRated: "event.rated",
}


def event_notice(event: Event) -> Notice:
    """Due at once. No name, no address and no position is in it: whoever may read those asks for the visit."""
    visit, kind = event.view.appointment, KIND_OF[type(event)]
    facts: dict[str, int | str | bool] = {"at_s": event.device_s, "status": visit.status.value}
    if isinstance(event, AppointmentRated):
        facts |= {"rating": event.rating, "low": event.low}
    return Notice(
        key=f"{visit.id}.{kind}.{visit.version}",
        kind=kind,
        due_s=event.server_s,
        expires_s=event.server_s + LIFETIME_S,
        appointment_id=visit.id,
        version=visit.version,
        payload=facts,
    )
