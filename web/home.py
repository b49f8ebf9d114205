"""The homepage's three sections: the Active rule of `slots.policy` fed with arrival times and the switches.

The database decides what is Traveling; this process remembers only which visit of an account was Active last, so that
two close arrival times do not take turns on the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from slots import booking
from slots.booking import Scheduling, Sections
from slots.model import Appointment, AppointmentView, Status
from slots.policy import choose_active
from tracker.node import Node
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
    """Which visit is Active, per account. `note` every change; the rest then answers without a database."""

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

    def accounts_with_a_choice(self) -> list[str]:
        """Accounts with several Traveling visits: only there can an arrival time change who is Active."""
        return [account_id for account_id, visits in self._traveling.items() if len(visits) > 1]

    async def sections(self, scheduling: Scheduling, *, account_id: str, past_limit: int) -> Sections:
        """All visits of the account from the database; what this process remembers of it is set right by the way."""
        changes = self._changes
        sections = await booking.sections(
            scheduling,
            account_id=account_id,
            arrivals_s=self._arrivals,
            active_before=self._active.get(account_id),
            past_limit=past_limit,
        )
        if changes == self._changes:
            # Otherwise what was read may be older than what was noted meanwhile.
            under_way = [view for view in sections.upcoming if view.status is Status.TRAVELING]
            self._adopt(account_id, sections.active, under_way)
        return sections

    def _adopt(self, account_id: str, active: AppointmentView | None, others: list[AppointmentView]) -> None:
        if active is None:
            self._traveling.pop(account_id, None)
            self._active.pop(account_id, None)
            return
        views = [active, *others]
        self._traveling[account_id] = {view.id: view.appointment for view in views}
        self._active[account_id] = active.id
