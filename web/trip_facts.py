"""An appointment as the tracker knows it. Where the two domains' words meet: a visit's id is a trip's id."""

from __future__ import annotations

from slots.model import AppointmentView, Status
from tracker.facts import TripFacts
from tracker.messages import TechnicianCard
from web.config import Settings

ENDED = frozenset({Status.COMPLETED, Status.CANCELED})
Zones = tuple[tuple[float, float, float], ...]


def trip_facts(view: AppointmentView, *, settings: Settings, tracking: bool, hidden_zones: Zones = ()) -> TripFacts:
    """What watchers of the visit may be told. ``tracking``: the switch of this moment."""
    appointment = view.appointment
    technician = view.technician
    card = TechnicianCard(
        name=technician.name if settings.share_name else None,
        photo=technician.photo if settings.share_photo else None,
        phone=technician.phone if settings.share_phone and appointment.status is Status.TRAVELING else None,
    )
    site = view.site
    known = site.lat is not None and site.lon is not None and not (site.lat == 0 and site.lon == 0)
    return TripFacts(
        version=appointment.version,
        status=appointment.status.value,
        time_zone=site.time_zone,
        window_start_ms=appointment.window_start_s * 1000,
        window_end_ms=appointment.window_end_s * 1000,
        destination_lat=site.lat if known else None,
        destination_lon=site.lon if known else None,
        technician=card,
        tracking=tracking,
        hidden_zones=hidden_zones,
    )
