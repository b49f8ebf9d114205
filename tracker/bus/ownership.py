"""Who takes a technician's fixes: claimed from the exchange, handed over when a phone connects elsewhere, adopted when
the owner dies."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from tracker.bus.messages import Given, Owns
from tracker.errors import ExchangeAway
from tracker.exchange import Claim, Exchange
from tracker.live import LiveTechnician, state_of
from tracker.records import LastState

if TYPE_CHECKING:
    from tracker.node import Node

OWNER_WITHIN_S = 8.0
"""A dead owner's lease is over within four seconds; whoever waits longer is sent away to come again."""
ASK_AGAIN_S = 0.25
CLAIMED_AT_ONCE = 500
CHOSEN_AT_ONCE = 100
"""Technicians looked at before the loop gets its turn: some 2 ms with sixteen processes."""

encode_state = msgspec.msgpack.Encoder().encode
decode_state = msgspec.msgpack.Decoder(LastState).decode

log = logging.getLogger("enroute.bus")


def chosen(node_ids: Iterable[str], technician_id: str) -> str:
    """Which of these processes adopts the technician: every process chooses the same one (rendezvous hashing), and the
    technicians of a dead one are spread over all that live."""
    return max(node_ids, key=lambda node_id: hashlib.blake2b(f"{node_id} {technician_id}".encode()).digest())


class Ownership:
    """``want`` starts a claim and returns; ``settled`` waits for the outcome. ``give_up`` asks another process to let
    a technician go, and returns None when it does not answer. ``displaced``: whom this process followed while another
    one had become the owner unheard, and what was known of them here, which that one may not know."""

    def __init__(
        self,
        node: Node,
        exchange: Exchange,
        *,
        tell: Callable[[Owns], None],
        taken: Callable[[LiveTechnician], None],
        give_up: Callable[[str, str], Awaitable[Given | None]],
    ) -> None:
        self._node = node
        self._exchange = exchange
        self._tell = tell
        self._taken = taken
        self._give_up = give_up
        self._claiming: dict[str, asyncio.Task[None]] = {}
        self._insisting: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Claim]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._news: list[tuple[str, int]] = []
        # Owned although nobody could be asked.
        self.unleased: set[str] = set()
        self.displaced: dict[str, LastState] = {}
        # Of those who are being reclaimed, what was known here.
        self._known: dict[str, LastState] = {}

    @property
    def owned(self) -> list[LiveTechnician]:
        return [technician for technician in self._node.known_technicians() if technician.owned]

    def want(self, technician: LiveTechnician, *, insist: bool = False) -> asyncio.Task[None] | None:
        """``insist``: also from a living owner, unless a phone is connected there."""
        if technician.owned:
            return None
        if insist:
            self._insisting.add(technician.id)
        task = self._claiming.get(technician.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._claim(technician), name=f"claim of {technician.id}")
            self._claiming[technician.id] = task
            task.add_done_callback(lambda done: self._claimed(technician.id, done))
        return task

    async def settled(self, technician: LiveTechnician, *, insist: bool = False) -> None:
        """Return when the technician is owned here or known to be owned elsewhere."""
        task = self.want(technician, insist=insist)
        if task is not None:
            await asyncio.wait({task})

    async def reclaimed(self, technician: LiveTechnician, known: LastState) -> None:
        """Try to be the owner again, with what is ``known`` here if that is newer than what the other one knows."""
        self._known[technician.id] = known
        try:
            await self.settled(technician, insist=True)
        finally:
            del self._known[technician.id]

    def heard(self, node_id: str, technician_id: str, fence: int) -> bool:
        """Another process says that it owns the technician; False when that is out of date."""
        technician = self._node.technician(technician_id)
        if fence < technician.fence:
            return False
        if technician.owned and (fence > technician.fence or technician_id in self.unleased):
            self.unleased.discard(technician_id)
            log.info("technician %s is another process's now", technician_id)
            self.displaced[technician_id] = self._node.let_go(technician, self._node.now_ms())
        if not technician.owned:
            technician.owner = node_id
            technician.fence = fence
        return True

    def hand_over(self, number: int, technician: LiveTechnician) -> Given:
        """Let the technician go if no phone of theirs is connected here."""
        if technician.owned and self._node.has_phone(technician.id):
            return Given(number, True, None)
        if not technician.owned:
            return Given(number, False, None)
        return Given(number, False, encode_state(self._node.let_go(technician, self._node.now_ms())))

    async def orphaned(self, node_id: str) -> None:
        """The process has left: those of its technicians who are under way are adopted, one process each."""
        node = self._node
        orphans = [each for each in node.known_technicians() if each.owner == node_id and not each.owned]
        for number, technician in enumerate(orphans):
            if number % CHOSEN_AT_ONCE == CHOSEN_AT_ONCE - 1:
                await asyncio.sleep(0)
            if technician.owned or technician.owner != node_id:
                continue
            heir = chosen([*self._exchange.peers, self._exchange.node_id], technician.id)
            # Should the heir die too before it has claimed them, they are its orphans.
            technician.owner = heir if heir != self._exchange.node_id else None
            mine = technician.trip is not None and technician.owner is None
            if mine or node.has_phone(technician.id):
                self.want(technician, insist=True)

    async def confirm(self) -> None:
        """Claim again all that is owned: after an outage, a sleep, or an emptied Redis. What another process owns by
        now is let go."""
        mine = self.owned
        for first in range(0, len(mine), CLAIMED_AT_ONCE):
            some = mine[first : first + CLAIMED_AT_ONCE]
            claims = await self._exchange.claim([technician.id for technician in some])
            for technician in some:
                claim = claims.get(technician.id)
                if claim is None or not technician.owned:
                    continue
                if claim.owner == self._exchange.node_id:
                    self.unleased.discard(technician.id)
                    technician.fence = claim.fence
                    self._announce(technician)
                elif not self.heard(claim.owner, technician.id, claim.fence):
                    # Redis lost our claim in a failover and remembers an older owner.
                    taken = await self._exchange.take_over([technician.id], from_node=claim.owner)
                    technician.fence = taken[technician.id].fence
                    self._announce(technician)

    async def keep(self, technician_ids: Iterable[str]) -> None:
        """Put down where these technicians are, for whoever takes over from a dead process."""
        known = [self._node.technician(name) for name in technician_ids]
        states = {each.id: (each.fence, encode_state(state_of(each))) for each in known if each.owned and each.fence}
        if states:
            await self._exchange.keep(states)

    async def stop(self) -> None:
        for task in list(self._claiming.values()):
            task.cancel()
        await asyncio.gather(*self._claiming.values(), return_exceptions=True)

    # Inside

    async def _claim(self, technician: LiveTechnician) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + OWNER_WITHIN_S
        while not technician.owned and loop.time() < until_s:
            try:
                claim = await self._asked(technician.id)
                if claim.owner == self._exchange.node_id:
                    states = await self._exchange.states([technician.id])
                    self._take(technician, claim, states.get(technician.id))
                    return
                self.heard(claim.owner, technician.id, claim.fence)
                if technician.id not in self._insisting:
                    return
                given = await self._give_up(claim.owner, technician.id)
                if given is None:
                    # Dead, most likely: its lease runs out, and then it is nobody's.
                    await asyncio.sleep(ASK_AGAIN_S)
                    continue
                if given.kept:
                    return
                claims = await self._exchange.take_over([technician.id], from_node=claim.owner)
                claim = claims[technician.id]
                if claim.owner == self._exchange.node_id:
                    state = given.state
                    if state is None:
                        # The one before was not the owner either.
                        state = (await self._exchange.states([technician.id])).get(technician.id)
                    self._take(technician, claim, state)
                    return
            except ExchangeAway:
                # Nobody can be asked, and nobody else can take over: the watchers here are not to suffer.
                self.unleased.add(technician.id)
                self._take(technician, Claim(self._exchange.node_id, technician.fence), None)
                return

    async def _asked(self, technician_id: str) -> Claim:
        """One claim, asked together with all others of this turn of the loop."""
        loop = asyncio.get_running_loop()
        future = self._waiting.get(technician_id)
        if future is None:
            if not self._waiting:
                loop.call_soon(self._ask_soon)
            future = self._waiting[technician_id] = loop.create_future()
        return await asyncio.shield(future)

    def _ask_soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._ask_for_all(), name="claims")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask_for_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        names = list(waiting)
        for first in range(0, len(names), CLAIMED_AT_ONCE):
            some = names[first : first + CLAIMED_AT_ONCE]
            try:
                claims = await self._exchange.claim(some)
            except Exception as failure:
                # To each of those who wait; they know what to do when it is away, and log what else it may be.
                for name in some:
                    if not waiting[name].done():
                        waiting[name].set_exception(failure)
            else:
                for name in some:
                    if not waiting[name].done():
                        waiting[name].set_result(claims[name])

    def _take(self, technician: LiveTechnician, claim: Claim, state: bytes | None) -> None:
        if claim.fence < technician.fence:
            # Overtaken by another one while this was on its way.
            return
        known = None
        if state is not None:
            try:
                known = decode_state(state)
            except msgspec.DecodeError:
                log.warning("what was kept of technician %s cannot be read", technician.id)
        mine = self._known.get(technician.id)
        if mine is not None and (known is None or mine.fixed_at > known.fixed_at):
            known = mine
        technician.fence = claim.fence
        self._node.take(technician, known, self._node.now_ms())
        self._announce(technician)
        self._taken(technician)

    def _announce(self, technician: LiveTechnician) -> None:
        if not self._news:
            asyncio.get_running_loop().call_soon(self._announce_all)
        self._news.append((technician.id, technician.fence))

    def _announce_all(self) -> None:
        news, self._news = self._news, []
        for first in range(0, len(news), CLAIMED_AT_ONCE):
            self._tell(Owns(news[first : first + CLAIMED_AT_ONCE]))

    def _claimed(self, technician_id: str, task: asyncio.Task[None]) -> None:
        self._claiming.pop(technician_id, None)
        self._insisting.discard(technician_id)
        if not task.cancelled() and task.exception() is not None:
            log.error("technician %s could not be claimed", technician_id, exc_info=task.exception())
