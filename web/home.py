"""The homepage's three sections: the Active rule of `slots.policy` fed with arrival times and the switches.

The database decides what is Traveling. Which visit of an account was Active last is remembered, so that two close
arrival times do not take turns on the page: in this process, and stored wherever a restarted or another process would
think otherwise (without a word in the store, the visit that set off first was the Active one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from slots import booking
from slots.booking import Scheduling, Sections
from slots.errors import StorageFailed
from slots.model import Appointment, AppointmentView, Status
from slots.policy import choose_active
from slots.store import Database
from tracker.node import Node
from web import active_visits_store
from web.active_visits_store import Chosen
from web.appointment_json import Section
from web.trip_facts import ENDED


class Arrivals(Mapping[str, int | None]):
    """Told arrival per visit in seconds since 1970, asked of the node when looked at; None while unknown."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def __getitem__(self, appointment_id: str) -> int | None:
        told = self._node.eta(appointment_id)
        return None if told is None else told.eta_at // 1000

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Home:
    """Which visit is Active, per account. `note` every change; what takes no database answers without one."""

    def __init__(self, node: Node) -> None:
        self._arrivals = Arrivals(node)
        self._traveling: dict[str, dict[str, Appointment]] = {}
        self._active: dict[str, str] = {}
        self._changes = 0

    def note(self, appointment: Appointment) -> None:
        """Take up the newest state of a visit; an older version than the known one is ignored."""
        self._changes += 1
        visits = self._traveling.setdefault(appointment.account_id, {})
        known = visits.get(appointment.id)
        if known is not None and known.version > appointment.version:
            return
        if appointment.status is Status.TRAVELING:
            visits[appointment.id] = appointment
        else:
            visits.pop(appointment.id, None)
        if not visits:
            del self._traveling[appointment.account_id]
            self._active.pop(appointment.account_id, None)

    def choose(self, account_id: str) -> str | None:
        """The Active visit as of now, remembered for the next choice."""
        chosen = choose_active(
            list(self._traveling.get(account_id, {}).values()),
            arrivals_s=self._arrivals,
            active_before=self._active.get(account_id),
        )
        if chosen is not None:
            self._active[account_id] = chosen
        return chosen

    def active(self, account_id: str) -> str | None:
        """The Active visit as last chosen."""
        return self._active.get(account_id)

    def section(self, appointment: Appointment) -> Section:
        if appointment.status in ENDED:
            return "past"
        if appointment.status is Status.TRAVELING and self._active.get(appointment.account_id) == appointment.id:
            return "active"
        return "upcoming"

    def traveling(self, account_id: str) -> list[Appointment]:
        return list(self._traveling.get(account_id, {}).values())

    def accounts(self) -> list[str]:
        """Accounts with a Traveling visit."""
        return list(self._traveling)

    async def choose_again(self, database: Database, *, now_s: int) -> None:
        """Choose for every account as of now, from what was Active for all processes."""
        # Where there is one visit there is nothing to choose.
        several = [account_id for account_id, visits in self._traveling.items() if len(visits) > 1]
        stored: dict[str, Chosen] = {}
        if several:
            async with database.read() as conn:
                stored = await active_visits_store.chosen_before(conn, several)
        for account_id in self.accounts():
            before = self._before(account_id, stored.get(account_id))
            if before is not None:
                self._active[account_id] = before
            self.choose(account_id)
        await self._keep(database, {account_id: stored.get(account_id) for account_id in several}, now_s=now_s)

    async def sections(self, scheduling: Scheduling, *, account_id: str, past_limit: int, now_s: int) -> Sections:
        """All visits of the account from the database; what this process remembers of it is set right by the way."""
        changes = self._changes
        async with scheduling.database.read() as conn:
            stored = (await active_visits_store.chosen_before(conn, [account_id])).get(account_id)
        sections = await booking.sections(
            scheduling,
            account_id=account_id,
            arrivals_s=self._arrivals,
            active_before=self._before(account_id, stored),
            past_limit=past_limit,
        )
        if changes == self._changes:
            # Otherwise what was read may be older than what was noted meanwhile.
            under_way = [view for view in sections.upcoming if view.status is Status.TRAVELING]
            self._adopt(account_id, sections.active, under_way)
            await self._keep(scheduling.database, {account_id: stored}, now_s=now_s)
        return sections

    def _before(self, account_id: str, stored: Chosen | None) -> str | None:
        """Which visit was Active before this look; None where it has ended, or none was."""
        visits = self._traveling.get(account_id, {})
        if (lasting := _still_holds(stored, visits)) is not None:
            return lasting
        if account_id in self._active:
            return self._active[account_id]
        return _first_to_set_off(visits)

    async def _keep(self, database: Database, stored: Mapping[str, Chosen | None], *, now_s: int) -> None:
        """Store the choices that nobody would arrive at from what is stored; another process may have been first."""
        news: dict[str, Chosen] = {}
        for account_id, before in stored.items():
            visits, active = self._traveling.get(account_id, {}), self._active.get(account_id)
            known = _still_holds(before, visits) or _first_to_set_off(visits)
            if active is not None and active != known and active in visits:
                news[account_id] = Chosen(active, now_s)
        if not news:
            return
        # What cannot be stored now is stored after the next look; a page is readable with a full disk.
        with suppress(StorageFailed):
            async with database.transaction() as conn:
                held = {
                    account_id: await active_visits_store.keep(
                        conn, account_id=account_id, chosen=chosen, before=stored[account_id]
                    )
                    for account_id, chosen in news.items()
                }
            for account_id, chosen in held.items():
                if chosen.appointment_id in self._traveling.get(account_id, {}):
                    self._active[account_id] = chosen.appointment_id

    def _adopt(self, account_id: str, active: AppointmentView | None, others: list[AppointmentView]) -> None:
        if active is None:
            self._traveling.pop(account_id, None)
            self._active.pop(account_id, None)
            return
        views = [active, *others]
        self._traveling[account_id] = {view.id: view.appointment for view in views}
        self._active[account_id] = active.id


def _still_holds(stored: Chosen | None, visits: Mapping[str, Appointment]) -> str | None:
    visit = None if stored is None else visits.get(stored.appointment_id)
    if stored is None or visit is None or (visit.traveling_s or 0) > stored.chosen_s:
        return None
    return visit.id


def _first_to_set_off(visits: Mapping[str, Appointment]) -> str | None:
    """It was the only one at first, so the Active one."""
    return min(visits, key=lambda each: (visits[each].traveling_s or 0, each), default=None)
