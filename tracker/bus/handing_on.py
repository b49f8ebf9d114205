"""Fixes that arrive in a process which does not own their technician: in order, to the owner, and back with its word
once they are on disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from tracker.bus.messages import FixesTaken
from tracker.bus.ownership import Ownership
from tracker.errors import OwnerAway
from tracker.filters import Kept, Rejection, Verdict
from tracker.live import LiveTechnician
from tracker.messages import Fix

if TYPE_CHECKING:
    from tracker.node import Node

MAX_WAITING = 50_000
"""Fixes of one technician that wait for their owner: a day of a phone that was offline."""
AT_ONCE = 2_000
"""Fixes in one question: some 100 KB."""
ANSWER_WITHIN_S = 10.0
TRIES = 4

_VERDICTS: dict[str, Verdict] = {verdict.value: verdict for verdict in (*Kept, *Rejection)}

Decided = tuple[list[Verdict], bool]
"""The verdicts, and whether it was this process that gave them: then they are not on disk yet."""


def verdict_of(word: str) -> Verdict:
    """An unknown word (of a newer version, during a rolling restart) counts as kept: the owner has seen to the fix."""
    return _VERDICTS.get(word, Kept.LATE)


class HandingOn:
    """``hand_on`` queues; one task for each technician with fixes that wait works them off, in order."""

    def __init__(
        self,
        node: Node,
        ownership: Ownership,
        *,
        ask: Callable[[str, str, list[Fix]], Awaitable[FixesTaken | None]],
    ) -> None:
        self._node = node
        self._ownership = ownership
        self._ask = ask
        self._queues: dict[str, deque[tuple[list[Fix], asyncio.Future[Decided]]]] = {}
        self._sizes: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def hand_on(self, technician: LiveTechnician, fixes: Sequence[Fix], *, insist: bool) -> list[Verdict]:
        """One verdict for each, after their owner's commit. ``insist``: the phone stays connected here, which should
        be the owner; should it be so now, its connection waits for the commit. Raises OwnerAway: nothing is certain,
        they should be sent again."""
        name = technician.id
        size = self._sizes.get(name, 0) + len(fixes)
        if size > MAX_WAITING:
            raise OwnerAway(f"{size} fixes of technician {name} wait already")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Decided] = loop.create_future()
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = deque()
            task = loop.create_task(self._work_off(technician, queue, insist=insist), name=f"fixes of {name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append((list(fixes), future))
        self._sizes[name] = size
        verdicts, here = await future
        if here and not insist:
            await self._node.recorder.committed()
        return verdicts

    async def take_in(self, technician: LiveTechnician, number: int, fixes: list[Fix]) -> FixesTaken:
        """What another process handed on to this one."""
        node = self._node
        if not technician.owned:
            await self._ownership.settled(technician)
        if not technician.owned or node.recorder.full:
            return FixesTaken(number, None)
        verdicts = await node.take_in(technician.id, fixes)
        return FixesTaken(number, [verdict.value for verdict in verdicts])

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work_off(
        self,
        technician: LiveTechnician,
        queue: deque[tuple[list[Fix], asyncio.Future[Decided]]],
        *,
        insist: bool,
    ) -> None:
        try:
            while queue:
                some = [queue.popleft()]
                count = len(some[0][0])
                while queue and count + len(queue[0][0]) <= AT_ONCE:
                    some.append(queue.popleft())
                    count += len(some[-1][0])
                fixes = [fix for each, _ in some for fix in each]
                decided = None
                try:
                    decided = await self._decided(technician, fixes, insist=insist)
                finally:
                    self._sizes[technician.id] -= count
                    _give(some, decided, technician.id)
        finally:
            del self._queues[technician.id]
            self._sizes.pop(technician.id, None)
            for _, future in queue:
                if not future.done():
                    future.set_exception(OwnerAway(f"technician {technician.id} has no owner now"))

    async def _decided(self, technician: LiveTechnician, fixes: list[Fix], *, insist: bool) -> Decided | None:
        for _ in range(TRIES):
            await self._ownership.settled(technician, insist=insist)
            if technician.owned:
                return await self._node.decide_all(technician, fixes), True
            owner = technician.owner
            if owner is None:
                continue
            words: list[str] = []
            for first in range(0, len(fixes), AT_ONCE):
                taken = await self._ask(owner, technician.id, fixes[first : first + AT_ONCE])
                if taken is None or taken.verdicts is None:
                    break
                words += taken.verdicts
            if len(words) == len(fixes):
                return [verdict_of(word) for word in words], False
            technician.owner = None
        return None


def _give(some: list[tuple[list[Fix], asyncio.Future[Decided]]], decided: Decided | None, technician_id: str) -> None:
    first = 0
    for fixes, future in some:
        if not future.done():
            if decided is None:
                future.set_exception(OwnerAway(f"the owner of technician {technician_id} does not answer"))
            else:
                verdicts, here = decided
                future.set_result((verdicts[first : first + len(fixes)], here))
        first += len(fixes)
