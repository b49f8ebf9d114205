"""What happens to visits: moves, states with device times of any order, reassignments, ratings, messages going out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from slots import booking, outbox_store
from slots.booking import Change
from slots.errors import SlotsError
from slots.model import Actor
from tests.slots.booking.machine.paper import OLDEST_S, Wanted
from tests.slots.booking.machine.places import Places
from tests.slots.booking.machine.world import DISPATCHER, TECHNICIANS

STEPS: dict[str, Callable[..., Coroutine[Any, Any, Change]]] = {
    "travel": booking.travel,
    "undo": booking.undo,
    "start": booking.start,
    "complete": booking.complete,
}
# How many versions behind an editor is; None sends no version.
BEHIND = st.sampled_from([None, 0, 0, 1])
# The device's time, seconds before ours; None: it gave none. Also a clock ahead of ours, and one that is days wrong.
AGES_S = st.sampled_from([None, None, 0, 1, 60, 240, 1800, 3600, 12 * 3600, -600, OLDEST_S + 1])


class Visits(Places):
    @rule(visit=Places.visits, place=Places.places, staff=st.booleans(), behind=BEHIND)
    def a_visit_is_moved(self, visit: str, place: Wanted, staff: bool, behind: int | None) -> None:
        paper = self.office.visits[visit]
        actor, version = self.actor(paper.contact, staff=staff), self.version(visit, behind)
        change: Change | None = self.ask(
            self._move(visit, place, version=version, actor=actor),
            self.office.why_not_move(paper, place, version=version, actor=actor),
        )
        if change is not None:
            assert bool(change.events) == (place != paper.place)
            self.office.move(paper, place, actor=actor)

    def _move(self, visit: str, place: Wanted, *, version: int | None, actor: Actor) -> Coroutine[Any, Any, Change]:
        return booking.move(
            self.scheduling,
            appointment_id=visit,
            slot=self.slot(place),
            version=version,
            actor=actor,
            switches=self.office.switches,
            now_s=self.office.now_s,
        )

    @rule(
        visit=Places.visits,
        reason=st.sampled_from(["ill", "x" * 500, " ", "x" * 501]),
        staff=st.booleans(),
        behind=BEHIND,
    )
    def a_visit_is_canceled(self, visit: str, reason: str, staff: bool, behind: int | None) -> None:
        paper = self.office.visits[visit]
        actor, version = self.actor(paper.contact, staff=staff), self.version(visit, behind)
        codes = self.office.why_not_change(paper, "cancel", at_s=None, version=version, actor=actor)
        if not 1 <= len(reason.strip()) <= 500:
            codes = {"reason_required", "reason_too_long"}
        change: Change | None = self.ask(self._cancel(visit, reason=reason, version=version, actor=actor), codes)
        if change is not None:
            self._note_change(visit, "cancel", change, at_s=None, actor=actor)

    def _cancel(
        self, visit: str, *, reason: str, version: int | None, actor: Actor, at_s: int | None = None
    ) -> Coroutine[Any, Any, Change]:
        return booking.cancel(
            self.scheduling,
            appointment_id=visit,
            reason=reason,
            version=version,
            actor=actor,
            at_s=at_s,
            technician_id=actor.id if actor.role == "technician" else None,
            now_s=self.office.now_s,
        )

    @rule(visit=Places.visits, technician=st.one_of(st.none(), TECHNICIANS), age_s=AGES_S)
    def a_technician_found_nobody_home(self, visit: str, technician: str | None, age_s: int | None) -> None:
        actor, at_s = self._technician(visit, technician), self._at_s(age_s)
        codes = self.office.why_not_change(self.office.visits[visit], "cancel", at_s=at_s, version=None, actor=actor)
        change: Change | None = self.ask(
            self._cancel(visit, reason="nobody home", version=None, actor=actor, at_s=at_s), codes
        )
        if change is not None:
            self._note_change(visit, "cancel", change, at_s=at_s, actor=actor)

    @rule(visit=Places.visits, action=st.sampled_from(sorted(STEPS)), age_s=AGES_S, behind=BEHIND)
    def the_technician_presses_a_button(self, visit: str, action: str, age_s: int | None, behind: int | None) -> None:
        self._step(visit, action, self._technician(visit, None), age_s=age_s, behind=behind)

    @rule(visit=Places.visits, age_s=AGES_S)
    def the_technician_does_what_comes_next(self, visit: str, age_s: int | None) -> None:
        action = {"scheduled": "travel", "traveling": "start"}.get(self.office.visits[visit].status, "complete")
        self._step(visit, action, self._technician(visit, None), age_s=age_s, behind=None)

    @rule(visit=Places.visits, steps=st.integers(2, 3), minutes=st.integers(0, 90))
    def a_visit_is_done_step_by_step(self, visit: str, steps: int, minutes: int) -> None:
        for _ in range(steps):
            self.office.now_s += minutes * 60
            action = {"scheduled": "travel", "traveling": "start"}.get(self.office.visits[visit].status, "complete")
            self._step(visit, action, self._technician(visit, None), age_s=None, behind=None)

    @rule(visit=Places.visits, technician=TECHNICIANS, action=st.sampled_from(sorted(STEPS)), age_s=AGES_S)
    def a_technician_presses_a_button_of_any_visit(
        self, visit: str, technician: str, action: str, age_s: int | None
    ) -> None:
        self._step(visit, action, self._technician(visit, technician), age_s=age_s, behind=None)

    def _step(self, visit: str, action: str, actor: Actor, *, age_s: int | None, behind: int | None) -> None:
        at_s, version = self._at_s(age_s), self.version(visit, behind)
        codes = self.office.why_not_change(self.office.visits[visit], action, at_s=at_s, version=version, actor=actor)
        change: Change | None = self.ask(
            STEPS[action](
                self.scheduling,
                appointment_id=visit,
                actor=actor,
                version=version,
                at_s=at_s,
                technician_id=actor.id,
                now_s=self.office.now_s,
            ),
            codes,
        )
        if change is not None:
            self._note_change(visit, action, change, at_s=at_s, actor=actor)

    def _note_change(self, visit: str, action: str, change: Change, *, at_s: int | None, actor: Actor) -> None:
        effect = self.office.change(self.office.visits[visit], action, at_s=at_s, actor=actor)
        assert bool(change.events) == (effect == "applied")

    @rule(visit=Places.visits, place=Places.places)
    def one_moves_while_another_cancels(self, visit: str, place: Wanted) -> None:
        """Both look at the same version: at most one of them may succeed."""
        paper, office = self.office.visits[visit], self.office
        refused = [
            office.why_not_move(paper, place, version=paper.version, actor=DISPATCHER),
            office.why_not_change(paper, "cancel", at_s=None, version=paper.version, actor=DISPATCHER),
        ]
        cancels = office.effect(paper, "cancel", None)[0] == "applied"
        possible = [not refused[0] and place != paper.place, not refused[1] and cancels]

        async def both() -> list[Any]:
            return await asyncio.gather(
                self._move(visit, place, version=paper.version, actor=DISPATCHER),
                self._cancel(visit, reason="ill", version=paper.version, actor=DISPATCHER),
                return_exceptions=True,
            )

        moved, canceled = self.run(both())
        for answer, codes in zip((moved, canceled), refused, strict=True):
            if isinstance(answer, SlotsError):
                assert answer.code in codes | {"stale_version"}
            else:
                assert not codes
                assert isinstance(answer, Change)
        won = [answer for answer in (moved, canceled) if isinstance(answer, Change) and answer.events]
        assert len(won) == (1 if any(possible) else 0)
        if isinstance(moved, Change):
            office.move(office.visits[visit], place, actor=DISPATCHER)
        if isinstance(canceled, Change):
            office.change(office.visits[visit], "cancel", at_s=None, actor=DISPATCHER)

    @rule(visit=Places.visits, technician=TECHNICIANS, behind=BEHIND)
    def a_visit_is_reassigned(self, visit: str, technician: str, behind: int | None) -> None:
        paper, version = self.office.visits[visit], self.version(visit, behind)
        change: Change | None = self.ask(
            booking.reassign(
                self.scheduling,
                appointment_id=visit,
                technician_id=technician,
                version=version,
                actor=DISPATCHER,
                now_s=self.office.now_s,
            ),
            self.office.why_not_reassign(paper, technician, version=version),
        )
        if change is not None:
            assert bool(change.events) == (technician != paper.place.technician)
            self.office.reassign(paper, technician, actor=DISPATCHER)

    @rule(visit=Places.visits, rating=st.integers(0, 6), comment=st.sampled_from(["", "kind"]), behind=BEHIND)
    def a_visit_is_rated(self, visit: str, rating: int, comment: str, behind: int | None) -> None:
        paper, version = self.office.visits[visit], self.version(visit, behind)
        actor = self.actor(paper.contact, staff=False)
        codes = self.office.why_not_rate(paper, version=version) if 1 <= rating <= 5 else {"invalid_rating"}
        change: Change | None = self.ask(
            booking.rate(
                self.scheduling,
                appointment_id=visit,
                rating=rating,
                comment=comment,
                actor=actor,
                version=version,
                switches=self.office.switches,
                now_s=self.office.now_s,
            ),
            codes,
        )
        if change is not None:
            assert bool(change.events) == (paper.rating != (rating, comment))
            self.office.rate(paper, rating, comment, actor=actor)

    @rule(lost=st.booleans())
    def messages_go_out(self, lost: bool) -> None:
        """`lost`: the sender dies before it can say that they went out."""
        now_s, database = self.office.now_s, self.database

        async def send() -> None:
            async with database.transaction() as connection:
                rows = await outbox_store.claim_due(connection, now_s=now_s, lease_s=60)
            for row in () if lost else rows:
                assert row.appointment_id is not None
                told_s = self.office.visits[row.appointment_id].place.start_s
                async with database.transaction() as connection:
                    await outbox_store.mark_sent(
                        connection,
                        message_key=row.message_key,
                        told_window_start_s=told_s,
                        now_s=now_s,
                        rules=self.office.rules,
                    )

        self.run(send())

    def _technician(self, visit: str, technician: str | None) -> Actor:
        """The visit's own, or the named one."""
        name = technician or self.office.visits[visit].place.technician
        return Actor(role="technician", id=name, source="device")

    def _at_s(self, age_s: int | None) -> int | None:
        return None if age_s is None else self.office.now_s - age_s
