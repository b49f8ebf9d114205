"""`running_late` and `arriving`: the two messages that no change of state brings about, but the arrival time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slots import booking, outbox_store
from slots.notices import Notice, notice

if TYPE_CHECKING:
    from web.state import State

# An estimate that swings around the end of the window must not alarm anybody.
LATE_BY_S = 5 * 60
ARRIVING_WITHIN_S = 5 * 60


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
        self._written: set[str] = set()

    async def look(self) -> None:
        state, now_s = self._state, self._state.now_s()
        if not state.switches.technician_tracking:
            return
        views = await booking.traveling(state.booking)
        fresh: list[Notice] = []
        keys: set[str] = set()
        for view in views:
            told = state.node.eta(view.id)
            if told is None:
                continue
            kinds = news_of(arrival_s=told.eta_at // 1000, window_end_s=view.appointment.window_end_s, now_s=now_s)
            notices = [notice(kind, view, now_s=now_s, payload={"eta_at": told.eta_at}) for kind in kinds]
            keys |= {each.key for each in notices}
            fresh += [
                each
                for each in notices
                if each.key not in self._written and each.kind not in state.booking.rules.muted_notices
            ]
        if fresh:
            async with state.database.transaction() as conn:
                await outbox_store.put(conn, tuple(fresh), now_s=now_s)
            state.outbox.wake()
        under_way = {view.id for view in views}
        self._written = keys | {key for key in self._written if key.partition(".")[0] in under_way}
