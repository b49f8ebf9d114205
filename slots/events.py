"""What happened to an appointment, in the past tense. Each carries the whole appointment as it is after the change.

Use cases return events after their transaction is committed; nothing here is stored.
"""

from __future__ import annotations

from slots.model import Actor, AppointmentView, Technician, Value


class Event(Value, frozen=True, kw_only=True):
    """`device_s` is when it happened by the doer's device, `server_s` when we heard of it."""

    view: AppointmentView
    actor: Actor
    device_s: int
    server_s: int


class AppointmentBooked(Event, frozen=True, kw_only=True):
    pass


class AppointmentMoved(Event, frozen=True, kw_only=True):
    """The technician may have changed with the time."""

    old_start_s: int
    old_window_start_s: int
    old_window_end_s: int
    old_technician: Technician


class AppointmentCanceled(Event, frozen=True, kw_only=True):
    """`was_traveling`: a trip has to be closed. `offer_again`: not the customer's wish, so offer a new time."""

    reason: str
    late: bool
    was_traveling: bool
    offer_again: bool


class TravelStarted(Event, frozen=True, kw_only=True):
    """A trip opens: the customer may watch from now on."""


class TravelUndone(Event, frozen=True, kw_only=True):
    """Back to Scheduled: the trip closes."""


class WorkStarted(Event, frozen=True, kw_only=True):
    """The technician is there: the trip closes."""


class AppointmentCompleted(Event, frozen=True, kw_only=True):
    pass


class AppointmentReassigned(Event, frozen=True, kw_only=True):
    """While Traveling the old technician's stream ends before the new one's starts."""

    old_technician: Technician


class AppointmentRated(Event, frozen=True, kw_only=True):
    """`low`: flagged to the dispatcher. `first`: False when an earlier rating was changed."""

    rating: int
    comment: str
    low: bool
    first: bool
