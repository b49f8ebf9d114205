"""The nouns of scheduling, as immutable values.

Instants are whole seconds since 1970 (UTC) and end in `_s`; a local time of day is minutes since local midnight and
ends in `_min`. Coordinates are degrees, None where unknown. Ids are opaque text; a resource has an integer `key`
besides, because the database's exclusion guard compares integers.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

Role = Literal["customer", "technician", "dispatcher", "admin", "system"]
Source = Literal["web", "api", "device", "link", "import", "system"]


class Status(StrEnum):
    """Where an appointment stands."""

    SCHEDULED = "scheduled"
    TRAVELING = "traveling"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELED = "canceled"


LIVE_STATUSES = frozenset({Status.SCHEDULED, Status.TRAVELING, Status.IN_PROGRESS})


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all values here."""


class Site(Value, frozen=True, kw_only=True):
    """Where visits take place. `lat` and `lon` come together or not at all."""

    id: str
    account_id: str
    name: str
    time_zone: str
    address: str = ""
    lat: float | None = None
    lon: float | None = None


class Asset(Value, frozen=True, kw_only=True):
    """A thing of the customer's that is visited; its site may differ from the account's."""

    id: str
    account_id: str
    site_id: str
    name: str


class ServiceType(Value, frozen=True, kw_only=True):
    """What can be booked. `skill` None: everybody can do it."""

    id: str
    name: str
    duration_s: int
    skill: str | None = None
    enabled: bool = True
    description: str = ""


class Territory(Value, frozen=True, kw_only=True):
    """An area; `polygon` is the text of a GeoJSON Polygon or MultiPolygon, positions [lon, lat]."""

    id: str
    name: str
    polygon: str


class WeeklyHours(Value, frozen=True, kw_only=True):
    """Local times that come again every week; an end at or before the start is on the next day. Monday is 0."""

    weekday: int
    start_min: int
    end_min: int


class Shift(WeeklyHours, frozen=True, kw_only=True):
    """Weekly working time."""


class Break(WeeklyHours, frozen=True, kw_only=True):
    """Weekly time inside shifts without visits and without driving."""


class ShiftException(Value, frozen=True, kw_only=True):
    """One day that differs: `off` takes time away (the whole day without times), `extra` adds working time."""

    date: datetime.date
    kind: Literal["off", "extra"]
    start_min: int = 0
    end_min: int = 1440


class Holiday(Value, frozen=True, kw_only=True):
    """Nobody works on this local calendar day, except by an `extra` exception."""

    date: datetime.date
    name: str


class Resource(Value, frozen=True, kw_only=True):
    """A technician as scheduling sees them.

    No territories: works everywhere. `max_travel_m` is the radius around home, straight line; with a radius but no
    known home nothing can be booked. `max_visits_a_day` counts those that start on one local day of the technician.
    `key` 0 asks the store to assign one.
    """

    id: str
    name: str
    time_zone: str
    key: int = 0
    phone: str | None = None
    photo: str | None = None
    skills: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()
    home_lat: float | None = None
    home_lon: float | None = None
    max_travel_m: float | None = None
    max_visits_a_day: int | None = None
    active: bool = True
    shifts: tuple[Shift, ...] = ()
    breaks: tuple[Break, ...] = ()
    exceptions: tuple[ShiftException, ...] = ()


class Slot(Value, frozen=True, kw_only=True):
    """A bookable start. `id` is opaque; `start_s` is the planned start, the window is what the customer is told."""

    id: str
    service_id: str
    site_id: str
    asset_id: str | None
    technician_key: int
    start_s: int
    end_s: int
    window_start_s: int
    window_end_s: int
    time_zone: str
    added_travel_s: int = 0


EmptyReason = Literal[
    "past",
    "no_such_day",
    "too_soon",
    "too_far_ahead",
    "not_offered",
    "outside_area",
    "holiday",
    "closed",
    "full",
]


class SlotDay(Value, frozen=True, kw_only=True):
    """The slots of one local calendar day of the site, by start; without any, `reason` says why."""

    date: datetime.date
    slots: tuple[Slot, ...]
    reason: EmptyReason | None = None


class Offer(Value, frozen=True, kw_only=True):
    """Answer to "when could you come": every day asked for, empty days too."""

    time_zone: str
    site_id: str
    days: tuple[SlotDay, ...]


class Hold(Value, frozen=True, kw_only=True):
    """A place kept for minutes. `holder_id` is the contact it is kept for, `moving_id` the visit to be moved there."""

    id: str
    holder_id: str
    service_id: str
    site_id: str
    asset_id: str | None
    technician_key: int
    start_s: int
    end_s: int
    window_start_s: int
    window_end_s: int
    expires_s: int
    moving_id: str | None = None


class Rating(Value, frozen=True, kw_only=True):
    """What the customer thought, 1 to 5; may be changed until `editable_until_s`."""

    rating: int
    comment: str
    rated_s: int
    editable_until_s: int


class Appointment(Value, frozen=True, kw_only=True):
    """What was promised to a customer, with what became of it.

    `version` grows by one with every change. `changed_s` is the device time of the newest change that took effect;
    `told_window_start_s` the window start last told to the customer, None before the first message went out.
    """

    id: str
    version: int
    status: Status
    account_id: str
    contact_id: str
    service_id: str
    site_id: str
    asset_id: str | None
    technician_key: int
    start_s: int
    end_s: int
    window_start_s: int
    window_end_s: int
    created_s: int
    changed_s: int
    details: str = ""
    traveling_s: int | None = None
    started_s: int | None = None
    completed_s: int | None = None
    canceled_s: int | None = None
    canceled_by: str | None = None
    canceled_role: str | None = None
    cancel_reason: str | None = None
    late_cancel: bool = False
    told_window_start_s: int | None = None
    rating: Rating | None = None


class Technician(Value, frozen=True, kw_only=True):
    """The technician of a visit, as much as other people may be told."""

    key: int
    id: str
    name: str
    phone: str | None
    photo: str | None


class AppointmentView(Value, frozen=True, kw_only=True):
    """An appointment joined with what its page shows."""

    appointment: Appointment
    site: Site
    service: ServiceType
    asset: Asset | None
    technician: Technician

    @property
    def id(self) -> str:
        return self.appointment.id

    @property
    def status(self) -> Status:
        return self.appointment.status

    @property
    def version(self) -> int:
        return self.appointment.version

    @property
    def time_zone(self) -> str:
        return self.site.time_zone


class UnderWay(Value, frozen=True):
    """A Traveling visit as far as it takes to see whether it is known."""

    id: str
    version: int
    technician_id: str


class ChangeRecord(Value, frozen=True, kw_only=True):
    """One line of an appointment's history: who did what, when by their device and when by us.

    `applied` is False for a change that arrived after a newer one had taken effect: kept in order, without effect.
    """

    appointment_id: str
    action: str
    from_status: str | None
    to_status: str | None
    device_s: int
    server_s: int
    actor_role: str
    actor_id: str
    source: str
    applied: bool
    version: int
    facts: Mapping[str, str | int | None] = {}


class Actor(Value, frozen=True, kw_only=True):
    """Who changes something, and through which door. `id` is a person, technician or link id."""

    role: Role
    id: str
    source: Source = "web"

    @property
    def is_customer(self) -> bool:
        return self.role == "customer"


class Switches(Value, frozen=True, kw_only=True):
    """The installation's switches at this moment."""

    self_scheduling: bool = True
    tracking: bool = True
    surveys: bool = True


ALL_ON = Switches()


class Rules(Value, frozen=True, kw_only=True):
    """What the operator decided about booking.

    Lead: a slot starts at least `min_lead_s` elapsed seconds and `min_lead_days` calendar days of the site from now,
    at most `max_lead_days` calendar days. The customer's window begins `window_before_s` before the planned start and
    lasts `window_s`. `buffer_s` is slack beside the travel time between two visits.
    """

    min_lead_s: int = 2 * 3600
    min_lead_days: int = 0
    max_lead_days: int = 60
    max_query_days: int = 31
    hold_s: int = 300
    max_holds: int = 10
    window_s: int = 7200
    window_before_s: int = 0
    slot_step_s: int = 1800
    buffer_s: int = 0
    move_cutoff_s: int = 2 * 3600
    cancel_cutoff_s: int = 3600
    cancel_while_traveling: bool = True
    rating_edit_days: int = 14
    low_rating: int = 2
    reminder_s: int = 24 * 3600
    retell_s: int = 600
    quiet_from_min: int = 21 * 60
    quiet_to_min: int = 8 * 60
    muted_notices: frozenset[str] = frozenset()
    # Whether another program is told of every change of a visit.
    tells_events: bool = False
