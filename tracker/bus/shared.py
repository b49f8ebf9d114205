"""The bus of an installation with several processes: what the node tells goes to the processes that want it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from tracker.board import BOARD_TOPIC
from tracker.bus.listening import TOPICS_AT_ONCE, TRIP, Listening
from tracker.bus.messages import (
    ArrivalTold,
    Change,
    PageTold,
    RowsTold,
    Told,
    Unwants,
    Wants,
    encode_word,
)
from tracker.errors import ExchangeAway, ExchangeMessageTooLarge
from tracker.filters import Verdict
from tracker.guests import Guests
from tracker.live import LiveTechnician, LiveTrip
from tracker.messages import BoardTechnician, Fix

KEEP_EVERY_S = 1.0
LOOK_EVERY_S = 5.0
CHANGE_WITHIN_S = 4.0
"""A process that is not heard of for so long has lost its lease, and shows nothing until it has looked again."""

log = logging.getLogger("enroute.bus")


class SharedBus(Listening):
    """``attach`` the node, ``start``; ``announce`` a change to all processes and wait until each has taken it in."""

    alone = False

    async def start(self, guests: Guests | None = None) -> None:
        """The exchange is one of these `guests`."""
        await self._exchange.start(self, guests)
        self._spawn(self._keep_states(), "states for the other processes")
        self._spawn(self._look_after(), "what the other processes want")

    async def stop(self) -> None:
        """The last states are put down, then the others are told goodbye and take over."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._handing_on.stop()
        await self.ownership.stop()
        try:
            await self.ownership.keep([technician.id for technician in self.ownership.owned])
        except ExchangeAway:
            log.warning("the last states could not be put down for the other processes")
        await self._exchange.stop()

    @property
    def connected(self) -> bool:
        return self._exchange.connected

    @property
    def processes(self) -> int:
        """How many live, this one included."""
        return len(self._exchange.peers) + 1

    @property
    def node_id(self) -> str:
        """This process, as the others call it."""
        return self._exchange.node_id

    @property
    def peers(self) -> frozenset[str]:
        """The other processes that live."""
        return self._exchange.peers

    def owner_of(self, technician_id: str) -> str | None:
        """The process that takes this technician's fixes, as far as this one knows."""
        technician = self._node.technician(technician_id)
        return self.node_id if technician.owned else technician.owner

    def has_phone(self, technician_id: str) -> bool:
        """Is a phone of this technician connected here?"""
        return self._node.has_phone(technician_id)

    # What the node says

    @property
    def watched_elsewhere(self) -> bool:
        return self._wanting.visits

    def doubtful(self) -> bool:
        if self._exchange.holds_lease() or self._cut_off:
            return self._confirming
        return True

    def own(self, technician: LiveTechnician, *, insist: bool = False) -> None:
        self.ownership.want(technician, insist=insist)

    def ship(self, live: LiveTrip, payload: bytes, *, conflates: bool) -> None:
        technician = live.technician
        if technician is None or live.far is None:
            return
        data = encode_word(Told(live.id, technician.fence, payload, conflates, technician.id))
        for node_id in live.far:
            self._exchange.send(node_id, data)

    def tell_arrival(self, live: LiveTrip, payload: bytes) -> None:
        if live.technician is not None:
            self._broadcast(ArrivalTold(live.id, live.technician.fence, payload, live.technician.id))

    def tell_page(self, topic: str, payload: bytes) -> None:
        self._broadcast(PageTold(topic, payload))

    @property
    def board_watched_elsewhere(self) -> bool:
        return bool(self._wanting.of(BOARD_TOPIC))

    def moved(self, technician_ids: set[str]) -> None:
        self._moved |= technician_ids

    def tell_board(self, payload: bytes) -> None:
        self._send_all(self._wanting.of(BOARD_TOPIC), RowsTold(payload))

    def watched(self, topic: str) -> None:
        if self._wanted.used(topic, asyncio.get_running_loop().time()):
            self._broadcast(Wants([topic]))

    async def company(self, topic: str) -> None:
        self.watched(topic)
        if topic.startswith(TRIP):
            live = self._node.known_trip(topic.removeprefix(TRIP))
            if live is None or live.technician is None or live.technician.owned:
                return
        elif not self._exchange.peers:
            return
        await self._wanted.first_view(topic)

    def far_rows(self) -> Mapping[str, BoardTechnician]:
        return self._rows

    async def hand_on(self, technician: LiveTechnician, fixes: Sequence[Fix], *, insist: bool) -> list[Verdict]:
        return await self._handing_on.hand_on(technician, fixes, insist=insist)

    # What the application says

    async def announce(self, body: bytes) -> dict[str, bytes]:
        """Every other process takes the change in before this returns; their answers by process. One that does not
        answer has lost its lease by then. While cut off from the others nobody is waited for."""
        peers = set(self._exchange.peers)
        if not peers or not self._exchange.connected:
            return {}
        number, answers = self._asked_change.ask(peers)
        self._broadcast(Change(number, body))
        given = await self._asked_change.within((number, answers), CHANGE_WITHIN_S)
        if len(given) < len(peers):
            self.counts["changes_unanswered"] += 1
        return given

    # Inside

    async def _keep_states(self) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            self._catch_up()
            moved, self._moved = self._moved, set()
            try:
                await self.ownership.keep(moved)
            except (ExchangeAway, ExchangeMessageTooLarge):
                continue

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._exchange.connected and not self._confirming and self.ownership.unleased:
                self._spawn(self._confirm(), "claims that could not be made")
            gone = self._wanted.unused(asyncio.get_running_loop().time(), self._in_use)
            for first in range(0, len(gone), TOPICS_AT_ONCE):
                self._broadcast(Unwants(gone[first : first + TOPICS_AT_ONCE]))
            for topic in gone:
                if topic == BOARD_TOPIC:
                    self._rows.clear()

    def _in_use(self, topic: str) -> bool:
        live = self._node.known_trip(topic.removeprefix(TRIP))
        return self._node.hub.count(topic) > 0 or (live is not None and live.pins > 0)
