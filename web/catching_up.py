"""The database knows of a newer change than what is followed here: whoever made it has not told, or not yet, and may
have died before it could."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from slots import booking
from slots.errors import NotFound
from slots.model import AppointmentView, Status

if TYPE_CHECKING:
    from web.state import State


async def catch_up(state: State, view: AppointmentView) -> None:
    """The visit becomes what the database says of it, if that is newer than what is known here."""
    traveling = view.status is Status.TRAVELING
    if is_known(state, view.id, version=view.version, driver=view.technician.id if traveling else None):
        return
    driver = state.node.technician_of(view.id)
    if traveling:
        await state.bridge.prepare(view.technician.id)
    state.bridge.take_up(view, driver=driver)


def is_known(state: State, visit_id: str, *, version: int, driver: str | None) -> bool:
    """Is this version, or a newer one, what is followed here, and so is the technician who is under way to it?"""
    live = state.node.known_trip(visit_id)
    if live is None or live.facts is None or live.facts.version < version:
        return False
    return state.node.technician_of(visit_id) == driver


def shows_the_past(state: State, *, visit_id: str, version: int) -> bool:
    """Is a technician shown here on the way to a visit of which the database has a newer version, or to one that is
    known not to be Traveling any more?"""
    if state.announcements.alone:
        # What this process has committed, it tells in the same breath.
        return False
    live = state.node.known_trip(visit_id)
    if live is None or live.technician is None or live.facts is None:
        return False
    return live.facts.version < version or live.facts.status != Status.TRAVELING.value


async def catch_up_with(state: State, visit_id: str) -> None:
    """As ``catch_up``, with what is to be read yet."""
    with contextlib.suppress(NotFound):
        await catch_up(state, await booking.get(state.booking, appointment_id=visit_id))
