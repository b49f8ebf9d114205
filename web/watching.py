"""The right to watch, asked when a watch begins: who, which visit, and what the tracker may say of it."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from tracker.facts import TripFacts
from tracker.messages import Since
from web.auth import Principal, authenticate, authenticate_link
from web.catching_up import catch_up_with, shows_the_past
from web.openapi import NUL
from web.state import State
from web.trip_facts import trip_facts
from web.visibility import may_see


async def facts_for(state: State, principal: Principal, trip_id: str) -> TripFacts | None:
    """What may be told of the visit, or None for an unknown visit and a foreign one alike."""
    if NUL in trip_id:
        return None
    view = await state.lookups.visit(trip_id)
    if view is None or not may_see(principal, view):
        return None
    if shows_the_past(state, visit_id=trip_id, version=view.appointment.version):
        await catch_up_with(state, trip_id)
    return trip_facts(view, settings=state.settings, tracking=state.switches.technician_tracking)


async def watcher_of(
    connection: HTTPConnection, state: State, trip_id: str
) -> tuple[Principal | None, TripFacts | None]:
    """Who asks and what they may be told: the session first, then a tracking link of this very visit.

    (None, None): nobody we know. (principal, None): known, but not theirs or not there.
    """
    principal = await authenticate(connection)
    facts = await facts_for(state, principal, trip_id) if principal is not None else None
    if facts is None:
        # Somebody signed in may have opened a link they were sent for another's visit.
        by_link = await authenticate_link(connection)
        if by_link is not None and by_link.appointment_id == trip_id:
            principal = by_link
            facts = await facts_for(state, by_link, trip_id)
    return principal, facts


def since_of(text: str | None) -> Since | None:
    """`epoch-seq` as a watcher gives it back, None for none and for anything else."""
    epoch, dash, seq = (text or "").rpartition("-")
    return Since(epoch=epoch, seq=int(seq)) if dash and seq.isdecimal() and len(seq) < 16 else None
