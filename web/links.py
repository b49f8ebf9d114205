"""Tracking links: who was sent one may watch one visit, until it is over and a while longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import booking
from slots.errors import NotFound
from slots.model import Appointment
from slots.store import again_if_undone
from tracker.errors import CloseCode
from web import links_store
from web.announcements import SessionsEnded
from web.links_store import Link
from web.problems import Problem

if TYPE_CHECKING:
    from web.state import State

# The visit ends a link much earlier; this ends the link of a visit that never comes to an end.
LIFETIME_S = 90 * 86_400
MAX_LIFETIME_S = 365 * 86_400


def link_url(base_url: str, token: str) -> str:
    """The token is in the fragment, which browsers send to nobody: it stays out of logs and of Referer."""
    return f"{base_url}/t#{token}"


async def issue_link(
    conn: AsyncConnection, *, appointment_id: str, contact_id: str | None, now_s: int
) -> tuple[Link, str]:
    """A new link for one visit and one recipient, and its token: hand it over or lose it."""
    return await links_store.add_link(
        conn, appointment_id=appointment_id, contact_id=contact_id, now_s=now_s, expires_s=now_s + LIFETIME_S
    )


async def living_link(state: State, token: str) -> Link | None:
    """The link of this token while it lives, its `expires_s` cut to the end of the visit plus the grace period."""
    async with state.database.read() as conn:
        link = await links_store.link_by_token(conn, token)
    if link is None or not link.is_alive(state.now_s()):
        return None
    try:
        view = await booking.get(state.booking, appointment_id=link.appointment_id)
    except NotFound:
        return None
    link = cut_to_visit(link, view.appointment, grace_s=state.settings.link_grace_s)
    return link if link.is_alive(state.now_s()) else None


async def is_dead_link(state: State, token: str, *, appointment_id: str) -> bool:
    """Whether this is the token of a link to the visit that lives no more: whoever holds it need not come again."""
    async with state.database.read() as conn:
        link = await links_store.link_by_token(conn, token)
    return link is not None and link.appointment_id == appointment_id and await living_link(state, token) is None


def cut_to_visit(link: Link, visit: Appointment, *, grace_s: int) -> Link:
    """The end of the visit, and what the link was extended by, end the link, unless somebody set its end by hand."""
    ended_s = visit.completed_s or visit.canceled_s
    if link.extended or ended_s is None:
        return link
    return msgspec.structs.replace(link, expires_s=min(link.expires_s, ended_s + grace_s + link.longer_s))


def extended(link: Link, visit: Appointment, *, by_s: int, grace_s: int, now_s: int) -> Link:
    """The link that lives so much longer than this one would: beyond the end of its visit while that is to come, else
    from its own end, or from now when that has passed."""
    cut = cut_to_visit(link, visit, grace_s=grace_s)
    is_over = (visit.completed_s or visit.canceled_s) is not None
    if link.extended or is_over or not cut.is_alive(now_s):
        return msgspec.structs.replace(link, expires_s=max(cut.expires_s, now_s) + by_s, extended=True)
    return msgspec.structs.replace(link, longer_s=link.longer_s + by_s)


async def redeem_link(state: State, token: str) -> Link:
    """The link somebody opened. Problem `link_dead`, the same for every reason."""
    link = await living_link(state, token)
    if link is None:
        raise Problem("link_dead", "The visit is over, or the link was replaced. Please ask for a new one.")
    if link.opened_s is None:
        async with state.database.transaction() as conn:
            await links_store.mark_opened(conn, link_id=link.id, now_s=state.now_s())
    return link


@again_if_undone
async def set_link_expiry(state: State, *, link_id: str, expires_s: int) -> Link:
    """End at an instant, whenever the visit ends. Problem `not_found`, or `invalid` beyond a year."""
    now_s = state.now_s()
    _check_lifetime(expires_s - now_s, field="expires_at")
    async with state.database.transaction() as conn:
        # Before 1970 is as dead as 1970, and can be shown.
        await links_store.set_expiry(conn, link_id=link_id, expires_s=max(0, expires_s))
        link = await links_store.link_by_id(conn, link_id)
    if link is None:
        raise Problem("not_found", "There is no such link.")
    await _close_watches(state, link, "the link was changed")
    return link


@again_if_undone
async def extend_link(state: State, *, link_id: str, by_s: int) -> None:
    """Let it live so much longer than it would have. Problem `not_found`, or `invalid` beyond a year."""
    now_s, grace_s = state.now_s(), state.settings.link_grace_s
    async with state.database.read() as conn:
        found = await links_store.link_by_id(conn, link_id)
    if found is None:
        raise Problem("not_found", "There is no such link.")
    visit = (await booking.get(state.booking, appointment_id=found.appointment_id)).appointment
    async with state.database.transaction() as conn:
        before = await links_store.link_by_id(conn, link_id, to_change=True)
        if before is None:
            raise Problem("not_found", "There is no such link.")
        link = extended(before, visit, by_s=by_s, grace_s=grace_s, now_s=now_s)
        if link.longer_s != before.longer_s:
            _check_lifetime(link.longer_s, field="longer_s")
            await links_store.set_longer(conn, link_id=link_id, longer_s=link.longer_s)
        else:
            _check_lifetime(link.expires_s - now_s, field="longer_s")
            await links_store.set_expiry(conn, link_id=link_id, expires_s=link.expires_s)
    # What was opened carries the end of the link; where only the time after the visit grew, that is still right.
    if link.expires_s != before.expires_s:
        await _close_watches(state, link, "the link was changed")


def _check_lifetime(seconds: int, *, field: str) -> None:
    if seconds > MAX_LIFETIME_S:
        raise Problem("invalid", "A link lives for a year at most.", field=field)


@again_if_undone
async def block_link(state: State, *, link_id: str) -> None:
    """The link is dead at once, and so are the live views opened with it. Problem `not_found`."""
    async with state.database.transaction() as conn:
        await links_store.block(conn, link_id=link_id, now_s=state.now_s())
        link = await links_store.link_by_id(conn, link_id)
    if link is None:
        raise Problem("not_found", "There is no such link.")
    await _close_watches(state, link, "the link was blocked")


async def _close_watches(state: State, link: Link, reason: str) -> None:
    # An open view carries the end it was opened with: after a change it comes again with the new one, or stays away.
    code = CloseCode.TRY_LATER if link.is_alive(state.now_s()) else CloseCode.OVER
    await disconnect_session(state, {link.id}, code, reason)


async def disconnect_session(state: State, session_ids: set[str], code: CloseCode, reason: str) -> None:
    """Cut, before this returns and in every process, each live view that was opened with one of these sessions or
    links, and refuse those whose proof was looked at before and that are about to open."""
    disconnect_session_here(state, session_ids, code, reason)
    await state.announcements.to_all(SessionsEnded(sorted(session_ids), code, reason))


def disconnect_session_here(state: State, session_ids: set[str], code: int, reason: str) -> None:
    """`disconnect_session` in this process alone."""
    state.watches.revoke(session_ids, now_ms=state.now_ms())
    state.hub.disconnect(lambda watcher: getattr(watcher.principal, "session_id", None) in session_ids, code, reason)
