"""Sends what waits in the outbox: by e-mail, by webhook, or not at all where nothing is configured.

Sent once per visit, kind and version. Never lost: a message is marked only after the other side took it; if we crash
in between it goes again with the same Message-ID and webhook id. Each is looked at again right before it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiosmtplib
import msgspec

from slots import booking, outbox_store
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
from web.visit_calendar import CHANGES_THE_CALENDAR, visit_calendar
from web.webhook import Webhook, WebhookFailed

if TYPE_CHECKING:
    from web.state import State

log = logging.getLogger("enroute.outbox")

# Reminders come due by themselves; everything else wakes us.
POLL_S = 5.0
BATCH = 20
# For so long no other process looks at what this one is sending; what it dies with in its hands is sent again then.
CLAIM_S = 60
# One message with its answers. Well within a claim: the clocks of two machines differ a little.
DELIVER_WITHIN_S = 40
# The message under way may be told that it arrived, or it would go out once more.
CLOSE_WITHIN_S = 3.0
FIRST_RETRY_S = 30
LONGEST_RETRY_S = 3600

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


class Undeliverable(Exception):
    """It can never be sent; the sentence says why, for the log."""


class Outbox:
    """One sending task per process; `wake()` when something was written. Several processes on one database share the
    work: each claims some messages at a time."""

    def __init__(self, state: State) -> None:
        settings = state.settings
        self._state = state
        self._wake = asyncio.Event()
        self._one_batch = asyncio.Lock()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
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

    def wake(self) -> None:
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="outbox")

    async def close(self) -> None:
        """Finish the message under way, if that is soon done, and leave the others to whoever sends next. One that is
        cut off is sent again, with the same id, by another process or after the restart."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_WITHIN_S)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            try:
                while await self.send_due() == BATCH and not self._closing:
                    pass
            except Exception:
                log.exception("the outbox could not be read; trying again")
            # Not wait_for: on Python 3.11 it swallows a cancellation that comes in the same turn as the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()

    async def send_due(self) -> int:
        """Send what is due now; how many rows were looked at. Waits for a batch that is under way."""
        async with self._one_batch:
            # Asked first, because a claim needs the writer of the database.
            async with self._state.database.read() as conn:
                due_s = await outbox_store.next_due_s(conn)
            if due_s is None or due_s > self._state.now_s():
                return 0
            async with self._state.database.transaction() as conn:
                rows = await outbox_store.claim_due(conn, now_s=self._state.now_s(), lease_s=CLAIM_S, limit=BATCH)
            await self._send(rows)
            return len(rows)

    async def _send(self, rows: Sequence[OutboxRow]) -> None:
        """One after another, each while the claim surely holds."""
        left = tuple(rows)
        while left:
            now_s, until_s = self._state.now_s(), left[0].claimed_until_s
            if self._closing:
                async with self._state.database.transaction() as conn:
                    await outbox_store.let_go(conn, left)
                return
            if until_s < now_s + DELIVER_WITHIN_S:
                # Never to the same instant as before: another claim might have been made to it.
                async with self._state.database.transaction() as conn:
                    left = await outbox_store.hold_on(conn, left, until_s=max(now_s + CLAIM_S, until_s + 1))
                continue
            row, *others = left
            left = tuple(others)
            await self._handle(row)

    async def _handle(self, row: OutboxRow) -> None:
        state = self._state
        outcome = "sent"
        told_window_start_s: int | None = None
        try:
            async with asyncio.timeout(DELIVER_WITHIN_S):
                told_window_start_s = await self._deliver(row)
        except Undeliverable as reason:
            outcome = "dead"
            async with state.database.transaction() as conn:
                await outbox_store.mark_dead(conn, message_key=row.message_key, reason=str(reason), now_s=state.now_s())
        except (WebhookFailed, aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            outcome = "failed"
            await self._postpone(row, error)
        else:
            async with state.database.transaction() as conn:
                await outbox_store.mark_sent(
                    conn,
                    message_key=row.message_key,
                    told_window_start_s=told_window_start_s,
                    now_s=state.now_s(),
                    rules=state.booking.rules,
                )
        state.metrics.messages.labels(row.kind, outcome).inc()

    async def _postpone(self, row: OutboxRow, error: Exception) -> None:
        state = self._state
        retry_s = state.now_s() + min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(row.attempts, 10))
        permanent = (isinstance(error, WebhookFailed) and error.permanent) or isinstance(
            error, aiosmtplib.SMTPRecipientsRefused
        )
        # Never the message of the error: SMTP servers repeat addresses and sometimes more.
        what = str(error) if isinstance(error, WebhookFailed) else type(error).__name__
        log.warning("message not taken (%s): %s", row.kind, what)
        async with state.database.transaction() as conn:
            if permanent:
                await outbox_store.mark_dead(conn, message_key=row.message_key, reason=what, now_s=state.now_s())
            else:
                await outbox_store.mark_failed(
                    conn, message_key=row.message_key, error=what, retry_s=retry_s, now_s=state.now_s()
                )

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
        rules = self._state.booking.rules
        if row.appointment_id is None:
            if row.kind in rules.muted_notices:
                raise Undeliverable("muted")
            return None
        try:
            view = await booking.get(self._state.booking, appointment_id=row.appointment_id)
        except NotFound:
            raise Undeliverable("the visit is gone") from None
        if unwanted := still_wanted(row.kind, view.appointment, rules=rules):
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
