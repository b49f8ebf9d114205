"""What this process does when another one announces something; the bridge hears of visits itself."""

from __future__ import annotations

from tracker.board import BOARD_TOPIC
from tracker.records import DutyChange
from web.accounts import end_outdated_watches_here
from web.announcements import (
    DutyChanged,
    PeopleChanged,
    PhonesRevoked,
    SessionsEnded,
    SwitchesChanged,
    WatchedBy,
    WatchersAsked,
)
from web.device_tokens import revoke_phones_here
from web.links import disconnect_session_here
from web.state import State
from web.watch_log import watched_by


def hear_announcements(state: State) -> None:
    """From now on the others' announcements are taken in, and this process announces its own switches."""

    async def switches_changed() -> None:
        await state.switches.load(state.database)
        await state.bridge.switches_changed()

    async def announce_switches() -> None:
        await state.announcements.to_all(SwitchesChanged())

    def duty_changed(told: DutyChanged) -> None:
        state.node.hear_duty(DutyChange(told.technician_id, told.at_ms, told.duty))

    state.announcements.on_any = state.lookups.changed_elsewhere
    handle = state.announcements.handle
    handle(
        SessionsEnded,
        lambda told: disconnect_session_here(state, set(told.session_ids), told.code, told.reason),
    )
    handle(PeopleChanged, lambda told: end_outdated_watches_here(state))
    handle(PhonesRevoked, lambda told: revoke_phones_here(state, told.technician_id))
    handle(DutyChanged, duty_changed)
    handle(SwitchesChanged, lambda told: switches_changed())
    handle(WatchersAsked, lambda told: watchers_here(state, told.technician_id))
    state.switches.listeners.append(announce_switches)


def watchers_here(state: State, technician_id: str) -> dict[str, WatchedBy]:
    """Who sees the technician through this process: person, or session where there is no person -> by what."""
    live = state.node.watched(technician_id)
    visit = live.id if live is not None and live.facts is not None and live.facts.tracking else None
    pollers, now_ms = state.watch_log.pollers, state.now_ms()
    principals = [watcher.principal for watcher in state.hub.watchers(BOARD_TOPIC)]
    principals += pollers.still_there(None, now_ms=now_ms)
    if visit is not None:
        principals += pollers.still_there(visit, now_ms=now_ms)
        principals += [watcher.principal for watcher in state.hub.watchers(state.node.topic(visit))]
    by_person: dict[str, WatchedBy] = {}
    for principal in principals:
        if principal is not None and principal.technician_id != technician_id:
            person_id = principal.person_id or principal.contact_id or principal.session_id
            by_person[person_id] = watched_by(principal.role)
    return by_person
