"""From a visit to its calendar entry, the same for the page, for a link and in every mail."""

from __future__ import annotations

from email.utils import parseaddr

from slots.model import AppointmentView, Status
from web.calendar_file import CalendarPart, CalendarVisit, Mailbox, calendar_part
from web.config import Settings

# Messages after which the customer's calendar should say something else than before.
CHANGES_THE_CALENDAR = frozenset({"confirmed", "moved", "canceled"})


def visit_calendar(
    view: AppointmentView, *, settings: Settings, now_s: int, attendee: Mailbox | None = None
) -> CalendarPart:
    """`attendee` is the recipient of a mail; None for a file to be fetched."""
    appointment = view.appointment
    lines = [appointment.details]
    if view.asset is not None:
        lines.append(view.asset.name)
    if settings.contact_phone:
        lines.append(f"{settings.brand}: {settings.contact_phone}")
    return calendar_part(
        CalendarVisit(
            appointment_id=appointment.id,
            version=appointment.version,
            canceled=appointment.status is Status.CANCELED,
            title=f"{view.service.name} ({settings.brand})",
            description="\n".join(line for line in lines if line),
            location=view.site.address or view.site.name,
            lat=view.site.lat,
            lon=view.site.lon,
            window_start_s=appointment.window_start_s,
            window_end_s=appointment.window_end_s,
            time_zone=view.site.time_zone,
            made_s=now_s,
            changed_s=appointment.changed_s,
            url=f"{settings.base_url}/appointments/{appointment.id}",
            organizer=_organizer(settings),
            attendee=attendee,
        )
    )


def _organizer(settings: Settings) -> Mailbox | None:
    """The sender of the mails. RFC 5546 wants one always; an invented address would be worse than none."""
    name, email = parseaddr(settings.mail_from or settings.contact_email or "")
    return Mailbox(email, name or settings.brand) if email else None
