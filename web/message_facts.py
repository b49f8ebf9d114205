"""What a message says of a visit, to this person and in their language. Pure."""

from __future__ import annotations

import msgspec

from slots.model import AppointmentView
from slots.policy import is_offered_again
from tracker.live import EtaView
from web.accounts_store import Person
from web.config import Settings
from web.languages import choose_language
from web.message_text import Facts
from web.message_times import reads_12_hours

# Where only a language is known: English by 24 hours, as on the pages.
_READ_AS = {"en": "en-GB"}


def facts_of(
    person: Person, view: AppointmentView | None, *, url: str | None, eta: EtaView | None, settings: Settings
) -> Facts:
    """`view` is None for a message about no visit, `eta` for one that tells no arrival; `url` is absolute."""
    language = choose_language(chosen=person.locale, accepted=person.browser_locale or "", otherwise=settings.language)
    known = person.locale or language
    facts = Facts(
        brand=settings.brand,
        base_url=settings.base_url,
        language=language,
        by_12_hours=reads_12_hours(person.browser_locale or _READ_AS.get(known, known)),
        name=person.name,
        url=url,
        contact_phone=settings.contact_phone,
        contact_email=settings.contact_email,
    )
    if view is None:
        return facts
    return msgspec.structs.replace(
        facts,
        service=view.service.name,
        address=view.site.address or view.site.name,
        technician=view.technician.name if settings.share_name else None,
        time_zone=view.time_zone,
        window_start_s=view.appointment.window_start_s,
        window_end_s=view.appointment.window_end_s,
        eta_low_s=eta.eta_low_at // 1000 if eta else None,
        eta_high_s=eta.eta_high_at // 1000 if eta else None,
        cancel_reason=view.appointment.cancel_reason,
        offer_again=is_offered_again(view.appointment),
    )
