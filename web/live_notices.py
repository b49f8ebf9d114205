"""`running_late` and `arriving`: the two messages that no change of state brings about, but the arrival time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from slots import booking, outbox_store
from slots.errors import NotFound
from slots.model import Status
from slots.notices import Notice, NoticeKind, notice

if TYPE_CHECKING:
    from web.state import State

# An estimate that swings around the end of the window must not alarm anybody.
LATE_BY_S = 5 * 60
ARRIVING_WITHIN_S = 5 * 60
# Under a millisecond.
LOOKED_AT_ONCE = 200


def news_of(*, arrival_s: int, window_end_s: int, now_s: int) -> tuple[Literal["running_late", "arriving"], ...]:
    """What an arrival time gives to tell. Pure; the outbox sees to it that nothing is told twice."""
    late = arrival_s > window_end_s + LATE_BY_S
    near = arrival_s - now_s <= ARRIVING_WITHIN_S
    # Whoever is about to ring the bell has no need to announce the delay.
    if near:
        return ("arriving",)
    return ("running_late",) if late else ()


class LiveNotices:
    """`look` again and again; each message is written once per visit, kind and version."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._written: set[tuple[str, str, int]] = set()

    async def look(self) -> None:
        """Thousands may be under way: what is known of them is in memory, and only who has news is read."""
        state, now_s = self._state, self._state.now_s()
        if not state.switches.technician_tracking:
            return
        fresh: list[Notice] = []
        noted: set[tuple[str, str, int]] = set()
        under_way: set[str] = set()
        for number, live in enumerate(state.node.known_trips()):
            if number % LOOKED_AT_ONCE == LOOKED_AT_ONCE - 1:
                await asyncio.sleep(0)
            facts = live.facts
            if live.motion is None or facts is None:
                # Nobody drives there, or another process follows them, and looks.
                continue
            under_way.add(live.id)
            told = state.node.eta(live.id)
            if told is None:
                continue
            kinds = news_of(arrival_s=told.eta_at // 1000, window_end_s=facts.window_end_ms // 1000, now_s=now_s)
            keys = {(live.id, kind, facts.version) for kind in kinds} - self._written
            if keys:
                notices = await self._notices(live.id, kinds, version=facts.version, eta_at=told.eta_at, now_s=now_s)
                if notices is not None:
                    noted |= keys
                    fresh += notices
        if fresh:
            async with state.database.transaction() as conn:
                await outbox_store.put(conn, tuple(fresh), now_s=now_s)
            state.outbox.wake()
        self._written = {key for key in self._written | noted if key[0] in under_way}

    async def _notices(
        self, trip_id: str, kinds: Iterable[NoticeKind], *, version: int, eta_at: int, now_s: int
    ) -> list[Notice] | None:
        """None when the visit is not what this process believes: it hears of the change, and looks again."""
        state = self._state
        try:
            view = await booking.get(state.booking, appointment_id=trip_id)
        except NotFound:
            return None
        if view.status is not Status.TRAVELING or view.version != version:
            return None
        muted = state.booking.rules.muted_notices
        return [notice(kind, view, now_s=now_s, payload={"eta_at": eta_at}) for kind in kinds if kind not in muted]
