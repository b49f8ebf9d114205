"""An appointment as the booking API says it: ISO times in the site's zone, and what this viewer may do with it.

The page shows what `allowed` says; the server decides it. A customer is never told a technician's id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from slots import policy
from slots.model import Actor, AppointmentView, Asset, Rules, ServiceType, Site, Slot, Status, Switches, Technician
from web.config import Settings

Section = Literal["active", "upcoming", "past"]
# A phone number is for the visit under way; before and after it the office is the one to call.
PHONE_SHOWN = frozenset({Status.TRAVELING, Status.IN_PROGRESS})


class SiteJson(msgspec.Struct):
    """Where a visit takes place; `lat` and `lon` in degrees, null where unknown."""

    id: str
    name: str
    address: str
    time_zone: str
    lat: float | None
    lon: float | None


class ServiceJson(msgspec.Struct):
    """What can be booked; `duration_min` is the planned work in minutes."""

    id: str
    name: str
    duration_min: int
    description: str


class AssetJson(msgspec.Struct):
    """A thing of the customer's that can be visited."""

    id: str
    name: str


class TechnicianJson(msgspec.Struct):
    """Who comes, as far as the operator shares it; `id` only for staff, `phone` only while under way or at work."""

    name: str | None
    photo: str | None
    phone: str | None
    id: str | None = None


class SlotJson(msgspec.Struct):
    """A bookable arrival window. Of a repeated hour the two windows differ in their offset."""

    slot: str
    window_start: str
    window_end: str


class AllowedJson(msgspec.Struct):
    """What this viewer may do with the visit now."""

    move: bool
    cancel: bool
    live_map: bool
    feedback: bool


class RatingJson(msgspec.Struct):
    """The customer's feedback, 1 to 5."""

    rating: int
    comment: str
    rated_at: str
    editable_until: str


class CustomerJson(msgspec.Struct):
    """Who the visit is for. Empty and null: nobody told, or they are no longer known."""

    name: str
    email: str | None
    phone: str | None


class AppointmentJson(msgspec.Struct):
    """A visit. `eta_at` in milliseconds since 1970, every other time ISO 8601 with the offset of `time_zone`.

    `visits_before`: how many visits the technician makes before this one; told on its day, while it is Scheduled, when
    one visit is asked for.
    `customer`: told to dispatchers, when one visit is asked for.
    `offer_again`: it could not be done (nobody home), so the page offers to book the same again.
    """

    id: str
    version: int
    status: str
    section: Section
    service: ServiceJson
    asset: AssetJson | None
    site: SiteJson
    time_zone: str
    window_start: str
    window_end: str
    details: str
    created_at: str
    technician: TechnicianJson | None
    allowed: AllowedJson
    eta_at: int | None
    cancel_reason: str | None
    canceled_at: str | None
    canceled_by: str | None
    late_cancel: bool
    cancel_warning: str | None
    offer_again: bool
    rating: RatingJson | None
    visits_before: int | None = None
    customer: CustomerJson | None = None


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Through whose eyes an appointment is told. `read_only`: a tracking link changes nothing."""

    actor: Actor
    rules: Rules
    switches: Switches
    settings: Settings
    now_s: int
    read_only: bool = False

    @property
    def is_staff(self) -> bool:
        return self.actor.role in ("dispatcher", "admin")


def iso(instant_s: int, time_zone: str) -> str:
    """The instant with the offset that holds then and there."""
    return datetime.fromtimestamp(instant_s, ZoneInfo(time_zone)).isoformat()


def appointment_json(view: AppointmentView, *, viewer: Viewer, section: Section, eta_at: int | None) -> AppointmentJson:
    """`eta_at` in ms, told only while Traveling with tracking on."""
    appointment, zone = view.appointment, view.site.time_zone
    allowed = _allowed(view, viewer)
    rating = appointment.rating
    return AppointmentJson(
        id=appointment.id,
        version=appointment.version,
        status=appointment.status.value,
        section=section,
        service=service_json(view.service),
        asset=AssetJson(id=view.asset.id, name=view.asset.name) if view.asset else None,
        site=site_json(view.site),
        time_zone=zone,
        window_start=iso(appointment.window_start_s, zone),
        window_end=iso(appointment.window_end_s, zone),
        details=appointment.details,
        created_at=iso(appointment.created_s, zone),
        technician=_technician_json(view.technician, appointment.status, viewer),
        allowed=allowed,
        eta_at=eta_at if allowed.live_map else None,
        cancel_reason=appointment.cancel_reason,
        canceled_at=None if appointment.canceled_s is None else iso(appointment.canceled_s, zone),
        canceled_by=appointment.canceled_role,
        late_cancel=appointment.late_cancel,
        cancel_warning=policy.cancel_warning(appointment) if allowed.cancel else None,
        offer_again=policy.is_offered_again(appointment) and _may_book(viewer),
        rating=None
        if rating is None
        else RatingJson(
            rating=rating.rating,
            comment=rating.comment,
            rated_at=iso(rating.rated_s, zone),
            editable_until=iso(rating.editable_until_s, zone),
        ),
    )


def site_json(site: Site) -> SiteJson:
    return SiteJson(
        id=site.id, name=site.name, address=site.address, time_zone=site.time_zone, lat=site.lat, lon=site.lon
    )


def service_json(service: ServiceType) -> ServiceJson:
    # A duration that is no whole minute is rounded up: nobody should plan too little time.
    return ServiceJson(
        id=service.id,
        name=service.name,
        duration_min=-(-service.duration_s // 60),
        description=service.description,
    )


def slot_json(slot: Slot) -> SlotJson:
    return SlotJson(
        slot=slot.id,
        window_start=iso(slot.window_start_s, slot.time_zone),
        window_end=iso(slot.window_end_s, slot.time_zone),
    )


def _allowed(view: AppointmentView, viewer: Viewer) -> AllowedJson:
    allowed = policy.allowed(
        view.appointment,
        actor=viewer.actor,
        rules=viewer.rules,
        switches=viewer.switches,
        now_s=viewer.now_s,
    )
    role = viewer.actor.role
    may_change = not viewer.read_only
    return AllowedJson(
        move=allowed.move and may_change and role != "technician",
        cancel=allowed.cancel and may_change,
        live_map=allowed.live_map,
        feedback=allowed.feedback and may_change and role == "customer",
    )


def _may_book(viewer: Viewer) -> bool:
    return not viewer.read_only and (viewer.is_staff or viewer.switches.self_scheduling)


def _technician_json(technician: Technician, status: Status, viewer: Viewer) -> TechnicianJson:
    if viewer.is_staff or viewer.actor.role == "technician":
        return TechnicianJson(name=technician.name, photo=technician.photo, phone=technician.phone, id=technician.id)
    settings = viewer.settings
    return TechnicianJson(
        name=technician.name if settings.share_name else None,
        photo=technician.photo if settings.share_photo else None,
        phone=technician.phone if settings.share_phone and status in PHONE_SHOWN else None,
    )


def assets_json(assets: tuple[Asset, ...], sites: dict[str, Site]) -> list[AssetWithSiteJson]:
    """Assets with the site each is at, in the given order."""
    return [
        AssetWithSiteJson(id=asset.id, name=asset.name, site=site_json(sites[asset.site_id]))
        for asset in assets
        if asset.site_id in sites
    ]


class AssetWithSiteJson(msgspec.Struct):
    """An asset and where it is: booking for it means booking there."""

    id: str
    name: str
    site: SiteJson
