"""Looks again at what was believed of switches, duties and rights, when announcements may have been missed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tracker.errors import CloseCode
from web import links_store, secrets_store
from web.accounts import end_outdated_watches_here
from web.auth import Principal
from web.device_tokens import revoke_phones_here
from web.links import disconnect_session_here
from web.state import State

AT_ONCE = 500


async def read_rights_afresh(state: State) -> None:
    """Switches and duties become what is stored; who watches, or whose phone is connected, by a proof that is not good
    any more, is cut."""
    if await state.switches.load(state.database):
        await state.bridge.switches_changed()
    node = state.node
    await node.read_duties()
    await end_outdated_watches_here(state)
    principals = {each for each in state.hub.principals() if isinstance(each, Principal)}
    sessions = {each.session_id for each in principals if each.role != "link"}
    links = {each.session_id for each in principals if each.role == "link"}
    now_s = state.now_s()
    async with state.database.read() as conn:
        dead_sessions = await _missing(
            sessions, lambda some: secrets_store.living(conn, kind="session", ids=some, now_s=now_s)
        )
        dead_links = await _missing(links, lambda some: links_store.living(conn, ids=some, now_s=now_s))
        dead_phones = await _missing(
            set(node.connected_technicians()),
            lambda some: secrets_store.holders(conn, kind="device", subjects=some),
        )
    if dead_sessions:
        disconnect_session_here(state, dead_sessions, CloseCode.SIGN_IN_AGAIN, "signed out")
    if dead_links:
        disconnect_session_here(state, dead_links, CloseCode.OVER, "the link is over")
    for technician_id in dead_phones:
        revoke_phones_here(state, technician_id)


async def _missing(names: set[str], living: Callable[[list[str]], Awaitable[set[str]]]) -> set[str]:
    missing: set[str] = set()
    ordered = sorted(names)
    for first in range(0, len(ordered), AT_ONCE):
        some = ordered[first : first + AT_ONCE]
        missing |= set(some) - await living(some)
    return missing
