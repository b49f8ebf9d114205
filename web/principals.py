"""Whoever is asking, as far as it was proved."""

from __future__ import annotations

import msgspec

from web.accounts_store import Person
from web.links_store import Link


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever is asking. `role` is customer, technician, dispatcher, admin or link.

    A link sees one visit (`appointment_id`) and nothing else; its `contact_id` is the recipient, `session_id` the id of
    the link. `expires_at_ms` is when the proof ends by itself; `proved_at_ms` when it was looked at, so that a
    revocation since then counts. `locale` is the language they chose, None for that of the browser.
    """

    role: str
    person_id: str | None
    account_id: str | None = None
    contact_id: str | None = None
    technician_id: str | None = None
    appointment_id: str | None = None
    locale: str | None = None
    session_id: str
    expires_at_ms: int
    proved_at_ms: int = 0

    @property
    def is_staff(self) -> bool:
        """Sees every visit."""
        return self.role in ("dispatcher", "admin")


def principal_of(person: Person, *, session_id: str, expires_s: int, proved_at_ms: int) -> Principal:
    is_customer = person.role == "customer"
    return Principal(
        role=person.role,
        person_id=person.id,
        account_id=person.account_id if is_customer else None,
        contact_id=person.id if is_customer else None,
        technician_id=person.technician_id,
        locale=person.locale,
        session_id=session_id,
        expires_at_ms=expires_s * 1000,
        proved_at_ms=proved_at_ms,
    )


def principal_of_link(link: Link, *, proved_at_ms: int) -> Principal:
    """`link.expires_s` cut to the end of its visit already."""
    return Principal(
        role="link",
        person_id=None,
        contact_id=link.contact_id,
        appointment_id=link.appointment_id,
        session_id=link.id,
        expires_at_ms=link.expires_s * 1000,
        proved_at_ms=proved_at_ms,
    )
