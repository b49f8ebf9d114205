"""What every use case is given, and what every change gives back."""

from __future__ import annotations

from dataclasses import dataclass, field

from slots.booking.traveling import Aside, StraightSource, TravelSource
from slots.events import Event
from slots.model import AppointmentView, Rules, Value
from slots.store import Database


@dataclass(frozen=True, slots=True)
class Scheduling:
    """Built once in the composition root and passed by hand."""

    database: Database
    rules: Rules = field(default_factory=Rules)
    travel: TravelSource = field(default_factory=StraightSource)
    aside: Aside = field(default_factory=Aside)


class Change(Value, frozen=True, kw_only=True):
    """The appointment after the change, and the events to tell now that it is committed.

    No events: nothing changed (a repeated request, or a late device change that a newer one outranks).
    """

    view: AppointmentView
    events: tuple[Event, ...] = ()
