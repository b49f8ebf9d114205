"""Tells a program of the operator's of every change of a visit, as signed JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from slots.notices import EVENT_PREFIX
from slots.outbox_store import OutboxRow
from web.instants import iso
from web.sending import Sending, Undeliverable
from web.webhook import Webhook

if TYPE_CHECKING:
    from web.state import State


class VisitEvent(msgspec.Struct, omit_defaults=True):
    """A visit changed. `kind`: booked, moved, canceled, traveling, undone (Scheduled again), started, completed,
    reassigned or rated; `at` is when it happened, `version` and `status` are the visit's after it. Only a rated one has
    `rating` (1 to 5) and `low`. The same `id` again is the same event."""

    id: str
    kind: str
    at: str
    appointment: str
    version: int
    status: str
    rating: int | None = None
    low: bool | None = None


class _Facts(msgspec.Struct):
    """What `slots.event_notices` wrote."""

    at_s: int
    status: str
    rating: int | None = None
    low: bool | None = None


class Events(Sending):
    """The events to programs. Without a webhook for them none is written, and what an earlier one left waits."""

    lane = "events"

    def __init__(self, state: State) -> None:
        super().__init__(state)
        settings = state.settings
        self._webhook: Webhook | None = None
        if settings.events_webhook_url:
            self._webhook = Webhook(url=settings.events_webhook_url, secret=settings.events_webhook_secret)

    @property
    def is_configured(self) -> bool:
        return self._webhook is not None

    async def _deliver(self, row: OutboxRow) -> None:
        if self._webhook is None:
            raise Undeliverable("not configured")
        await self._webhook.send(event_of(row), key=row.message_key)


def event_of(row: OutboxRow) -> VisitEvent:
    """What is posted for this row of the outbox."""
    assert row.appointment_id is not None
    facts = msgspec.convert(row.payload, _Facts)
    return VisitEvent(
        id=row.message_key,
        kind=row.kind.removeprefix(EVENT_PREFIX),
        at=iso(facts.at_s),
        appointment=row.appointment_id,
        version=row.version,
        status=facts.status,
        rating=facts.rating,
        low=facts.low,
    )
