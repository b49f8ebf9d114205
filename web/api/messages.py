"""GET /api/dispatch/messages: the read-only log of the outbox, and what could not be sent."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from slots import outbox_store
from web import accounts_store
from web.auth import require
from web.instants import iso
from web.openapi import answer, decode_query, endpoint, resource
from web.state import state_of


class MessageLine(msgspec.Struct):
    """One message. `state`: pending, sent or dead; `outcome` is the last error or why it died."""

    kind: str
    appointment: str | None
    to: str | None
    due_at: str
    state: str
    attempts: int
    settled_at: str | None
    outcome: str | None


class UnsentText(msgspec.Struct):
    """What the person would have read; it may hold a link that is meant for them alone."""

    kind: str
    to: str
    subject: str
    text: str
    at: str


class MessageLog(msgspec.Struct):
    """Newest first. `configured`: something is set up that sends; where nothing is, an admin finds the texts of the
    latest messages in `unsent`."""

    configured: bool
    messages: list[MessageLine]
    unsent: list[UnsentText]


class MessageQuery(msgspec.Struct):
    """`appointment`: only the messages of this visit. `events`: those to the webhook for events instead."""

    appointment: str | None = None
    events: bool = False


@endpoint("The log of messages", tag="Dispatch", query=MessageQuery, answers={200: MessageLog})
async def read_log(request: Request) -> Response:
    state = state_of(request)
    principal = await require(request, "dispatcher")
    query = decode_query(request, MessageQuery)
    async with state.database.read() as conn:
        lane: outbox_store.Lane = "events" if query.events else "messages"
        rows = await outbox_store.log(conn, appointment_id=query.appointment, lane=lane)
        people = await accounts_store.people_by_id(conn, [row.contact_id for row in rows if row.contact_id])
    lines = [
        MessageLine(
            kind=row.kind,
            appointment=row.appointment_id,
            to=people[row.contact_id].email if row.contact_id in people else None,
            due_at=iso(row.due_s),
            state=row.state,
            attempts=row.attempts,
            settled_at=None if row.settled_s is None else iso(row.settled_s),
            outcome=row.outcome,
        )
        for row in rows
    ]
    # The texts hold invitation and reset links: whoever reads those of an admin becomes one.
    unsent = state.outbox.unsent if principal.role == "admin" and not query.events else ()
    texts = [UnsentText(row.kind, row.to, row.subject, row.text, iso(row.at_s)) for row in reversed(unsent)]
    sender = state.events if query.events else state.outbox
    return answer(MessageLog(sender.is_configured, lines, texts))


routes: list[BaseRoute] = [resource("/api/dispatch/messages", get=read_log)]
