"""What must hold after every step of a random day, read from the database and compared with the paper."""

from __future__ import annotations

import itertools
from collections import defaultdict

from hypothesis.stateful import invariant
from sqlalchemy import select

from slots import appointment_store, outbox_store
from slots import schema_store as schema
from slots.model import LIVE_STATUSES, AppointmentView, ChangeRecord, Hold
from tests.slots.booking.machine.paper import DAY_S, LEGAL
from tests.slots.booking.machine.visits import Visits

# In which states a waiting message of each kind still makes sense.
PENDING_IN = {
    "confirmed": {"scheduled", "traveling", "in_progress"},
    "moved": {"scheduled", "traveling", "in_progress"},
    "reminder": {"scheduled"},
    "on_the_way": {"traveling"},
    "canceled": {"canceled"},
    "completed": {"completed"},
}


class BookingMachine(Visits):
    """Subclass it with a database and a loop."""

    @invariant()
    def the_database_is_what_was_acknowledged(self) -> None:
        self.run(self._look())
        self._no_change_is_lost()
        self._places_exclude_each_other()
        self._every_change_is_in_the_history()
        self._messages_fit_the_state()

    async def _look(self) -> None:
        async with self.database.read() as connection:
            self.views: dict[str, AppointmentView] = {v.id: v for v in await appointment_store.views(connection)}
            rows = await connection.execute(select(schema.holds))
            self.kept = {row.id: Hold(**row._mapping) for row in rows}
            self.history: dict[str, tuple[ChangeRecord, ...]] = {
                visit: await appointment_store.changes(connection, visit) for visit in self.views
            }
            self.messages = await outbox_store.log(connection, limit=10_000)

    def _no_change_is_lost(self) -> None:
        names = {resource.key: resource.id for resource in self.office.resources.values()}
        found = {}
        for view in self.views.values():
            visit, rating = view.appointment, view.appointment.rating
            found[view.id] = (
                visit.account_id,
                visit.contact_id,
                (visit.service_id, visit.site_id, visit.asset_id),
                names[visit.technician_key],
                (visit.start_s, visit.end_s, visit.window_start_s),
                (visit.status.value, visit.version, visit.late_cancel),
                (rating.rating, rating.comment) if rating else None,
            )
        assert found == {
            paper.id: (
                paper.account,
                paper.contact,
                (paper.place.service, paper.place.site, paper.place.asset),
                paper.place.technician,
                (paper.place.start_s, paper.end_s, paper.place.start_s),
                (paper.status, paper.version, paper.late_cancel),
                paper.rating,
            )
            for paper in self.office.visits.values()
        }
        now_s = self.office.now_s
        kept = {
            hold.id: (hold.start_s, hold.end_s, hold.moving_id) for hold in self.kept.values() if hold.expires_s > now_s
        }
        assert kept == {
            hold.id: (hold.place.start_s, hold.end_s, hold.moving)
            for hold in self.office.holds.values()
            if hold.expires_s > now_s
        }

    def _places_exclude_each_other(self) -> None:
        """A place is booked or held or free. Only the place a visit is to be moved to may lie over the visit itself."""
        taken: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
        for view in self.views.values():
            visit = view.appointment
            if visit.status in LIVE_STATUSES:
                taken[visit.technician_key].append((visit.start_s, visit.end_s, visit.id))
        for hold in self.kept.values():
            taken[hold.technician_key].append((hold.start_s, hold.end_s, hold.moving_id or hold.id))
        for places in taken.values():
            for (start_s, end_s, whose), (other_start_s, other_end_s, other) in itertools.combinations(places, 2):
                assert whose == other or end_s <= other_start_s or other_end_s <= start_s
        traveling = [view.technician.key for view in self.views.values() if view.status == "traveling"]
        assert len(traveling) == len(set(traveling))

    def _every_change_is_in_the_history(self) -> None:
        for visit, lines in self.history.items():
            paper = self.office.visits[visit]
            assert sorted(_line(line) for line in lines) == sorted(
                (c.action, c.device_s, c.server_s, c.actor.role, c.actor.id, c.actor.source, c.applied)
                for c in paper.changes
            )
            # In the order of device time the changes that took effect lead, step by step, to what is.
            applied = [line for line in lines if line.applied]
            ordered = sorted(applied, key=lambda line: line.version)
            assert [line.version for line in ordered] == list(range(1, paper.version + 1))
            status = None
            for line in ordered:
                assert line.from_status == status
                expected = "scheduled" if status is None else LEGAL.get((status, line.action), status)
                assert line.to_status == expected
                if line.action in {action for _, action in LEGAL}:
                    assert (status, line.action) in LEGAL
                status = line.to_status
            assert status == paper.status
            assert [line.action for line in applied if line.action != "book"] == [
                line.action for line in ordered if line.action != "book"
            ]

    def _messages_fit_the_state(self) -> None:
        told = [(row.appointment_id, row.kind, row.version) for row in self.messages]
        assert len(told) == len(set(told))
        for row in self.messages:
            if row.state == "pending" and row.appointment_id is not None:
                assert self.office.visits[row.appointment_id].status in PENDING_IN[row.kind], row.kind
        # A canceled visit was told so, and a booked one was confirmed.
        kinds = {(row.appointment_id, row.kind) for row in self.messages}
        for paper in self.office.visits.values():
            assert (paper.id, "confirmed") in kinds
            assert ((paper.id, "canceled") in kinds) == (paper.status == "canceled")
        # Whoever is still expected is reminded a day before; what falls into the night comes at another time.
        waiting = {(row.appointment_id, row.kind) for row in self.messages if row.state == "pending"}
        for paper in self.office.visits.values():
            due_s = paper.place.start_s - DAY_S
            if paper.status == "scheduled" and due_s > self.office.now_s and 8 <= due_s // 3600 % 24 < 21:
                assert (paper.id, "reminder") in waiting


def _line(line: ChangeRecord) -> tuple[str, int, int, str, str, str, bool]:
    return (
        line.action,
        line.device_s,
        line.server_s,
        line.actor_role,
        line.actor_id,
        line.source,
        line.applied,
    )
