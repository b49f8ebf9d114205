"""What this process does when another one announces something; the bridge hears of visits itself."""

from __future__ import annotations

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
    principals = [watcher.principal for watcher in state.hub.watchers(state.node.topic(visit))] if visit else []
    by_person: dict[str, WatchedBy] = {}
    for principal in principals:
        if principal is None or principal.technician_id == technician_id:
            continue
        person_id = principal.person_id or principal.contact_id or principal.session_id
        by_person[person_id] = "link" if principal.role == "link" else "board" if principal.is_staff else "page"
    for watcher in state.hub.watchers("dispatch"):
        by_person.setdefault(watcher.principal.person_id or watcher.principal.session_id, "board")
    return by_person
