"""Sends what waits in the outbox: by e-mail, by webhook, or not at all where nothing is configured.

Sent once per visit, kind and version; a repeat after a crash bears the same Message-ID and webhook id.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from slots import booking
from slots.errors import NotFound
from slots.model import Appointment, AppointmentView
from slots.notices import still_wanted
from slots.outbox_store import OutboxRow
from slots.policy import is_offered_again
from web import accounts_store, links, secrets_store
from web.accounts import RESET_S
from web.accounts_store import Person
from web.calendar_file import CalendarPart, Mailbox
from web.mail import Mailer
from web.message_facts import facts_of
from web.message_text import Letter, write_letter
from web.sending import Sending, Undeliverable
from web.visit_calendar import CHANGES_THE_CALENDAR, visit_calendar
from web.webhook import Webhook

if TYPE_CHECKING:
    from web.state import State

log = logging.getLogger("enroute.outbox")

# What nobody sent because nothing is configured: for the demo and for whoever sets a server up.
MAX_UNSENT = 200

# These tell the promised time; a move is announced when it differs from what was told last.
NAMES_THE_WINDOW = frozenset({"confirmed", "reminder", "moved", "running_late"})
ABOUT_A_LIVE_VISIT = frozenset({"on_the_way", "running_late", "arriving"})


class UnsentMessage(msgspec.Struct, frozen=True):
    """A message that was written but not sent, because neither SMTP nor a webhook is configured."""

    kind: str
    to: str
    subject: str
    text: str
    at_s: int


class Outbox(Sending):
    """The messages to people. Each is looked at again right before it is sent."""

    lane = "messages"

    def __init__(self, state: State) -> None:
        super().__init__(state)
        settings = state.settings
        self._mailer: Mailer | None = None
        self._webhook: Webhook | None = None
        if settings.smtp_url and settings.mail_from:
            self._mailer = Mailer(smtp_url=settings.smtp_url, mail_from=settings.mail_from, brand=settings.brand)
        if settings.webhook_url:
            self._webhook = Webhook(url=settings.webhook_url, secret=settings.webhook_secret)
        self.unsent: deque[UnsentMessage] = deque(maxlen=MAX_UNSENT)

    @property
    def is_configured(self) -> bool:
        return self._mailer is not None or self._webhook is not None

    async def _deliver(self, row: OutboxRow) -> int | None:
        """Send the message; the window start it named, if it named one."""
        state = self._state
        async with state.database.read() as conn:
            person = await accounts_store.person_by_id(conn, row.contact_id) if row.contact_id else None
        if person is None:
            raise Undeliverable("the contact is gone")
        view = await self._visit(row)
        url = await self._url(row, person, view)
        eta = state.node.eta(view.id) if view is not None and row.kind in ABOUT_A_LIVE_VISIT else None
        letter = write_letter(row.kind, facts_of(person, view, url=url, eta=eta, settings=state.settings))
        if not self.is_configured:
            self.unsent.append(UnsentMessage(row.kind, person.email, letter.subject, letter.text, state.now_s()))
            log.info("message not sent (%s): neither SMTP nor a webhook is configured", row.kind)
            raise Undeliverable("not configured")
        if self._webhook is not None:
            message = self._as_event(row, person, letter, url)
            await self._webhook.send(message, key=row.message_key)
        if self._mailer is not None:
            mail = self._mailer.compose(
                letter,
                to=person.email,
                key=row.message_key,
                now_s=state.now_s(),
                calendar=self._calendar(row, person, view),
            )
            await self._mailer.send(mail)
        if view is None or row.kind not in NAMES_THE_WINDOW:
            return None
        return view.appointment.window_start_s

    async def _visit(self, row: OutboxRow) -> AppointmentView | None:
        view = None
        if row.appointment_id is not None:
            try:
                view = await booking.get(self._state.booking, appointment_id=row.appointment_id)
            except NotFound:
                raise Undeliverable("the visit is gone") from None
        visit = view.appointment if view is not None else None
        if unwanted := still_wanted(row.kind, visit, rules=self._state.booking.rules):
            raise Undeliverable(unwanted)
        return view

    async def _url(self, row: OutboxRow, person: Person, view: AppointmentView | None) -> str | None:
        """The link in the message. Secrets are made here, at the last moment, so that none is stored."""
        state, now_s = self._state, self._state.now_s()
        base = state.settings.base_url
        if row.kind == "invitation":
            if person.password_hash is not None:
                raise Undeliverable("already redeemed")
            async with state.database.transaction() as conn:
                _, code = await secrets_store.issue(
                    conn, kind="invitation", subject=person.id, now_s=now_s, expires_s=row.expires_s
                )
            return f"{base}/invitation#{code}"
        if row.kind == "password_reset":
            async with state.database.transaction() as conn:
                _, token = await secrets_store.issue(
                    conn, kind="reset", subject=person.id, now_s=now_s, expires_s=now_s + RESET_S
                )
            return f"{base}/reset#{token}"
        if row.kind in ABOUT_A_LIVE_VISIT:
            if not state.switches.technician_tracking or row.appointment_id is None:
                return None
            async with state.database.transaction() as conn:
                _, token = await links.issue_link(
                    conn, appointment_id=row.appointment_id, contact_id=person.id, now_s=now_s
                )
            return links.link_url(base, token)
        if row.kind == "completed":
            return f"{base}/appointments/{row.appointment_id}/feedback" if state.switches.surveys else None
        if row.kind == "canceled":
            if not state.switches.self_scheduling:
                return None
            if view is not None and is_offered_again(view.appointment):
                return f"{base}/book?{_same_work(view.appointment)}"
            return f"{base}/book"
        return f"{base}/appointments/{row.appointment_id}" if row.appointment_id else None

    def _calendar(self, row: OutboxRow, person: Person, view: AppointmentView | None) -> CalendarPart | None:
        if view is None or row.kind not in CHANGES_THE_CALENDAR:
            return None
        attendee = Mailbox(person.email, person.name)
        return visit_calendar(view, settings=self._state.settings, now_s=self._state.now_s(), attendee=attendee)

    def _as_event(self, row: OutboxRow, person: Person, letter: Letter, url: str | None) -> dict[str, object]:
        return {
            "id": row.message_key,
            "kind": row.kind,
            "appointment": row.appointment_id,
            "version": row.version,
            "recipient": {"name": person.name, "email": person.email, "phone": person.phone},
            "language": letter.language,
            "subject": letter.subject,
            "text": letter.text,
            "url": url,
        }


def _same_work(visit: Appointment) -> str:
    """What the booking page is to be filled in with, so that the same is booked again."""
    return urlencode({"service": visit.service_id} | ({"asset": visit.asset_id} if visit.asset_id else {}))
