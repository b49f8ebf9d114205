"""What the exchange brings, taken in: words of other processes become calls of the node."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from tracker.board import BOARD_TOPIC
from tracker.bus.asking import Asking
from tracker.bus.handing_on import ANSWER_WITHIN_S, HandingOn
from tracker.bus.interest import Wanted, Wanting
from tracker.bus.messages import (
    Again,
    ArrivalTold,
    Change,
    Done,
    Fixes,
    FixesTaken,
    Given,
    GiveUp,
    Owns,
    PageTold,
    RowsTold,
    Told,
    Unwants,
    View,
    Wants,
    Word,
    decode_word,
    encode_word,
)
from tracker.bus.ownership import Ownership
from tracker.errors import ExchangeAway, ExchangeMessageTooLarge
from tracker.exchange import Exchange
from tracker.frames import frame
from tracker.live import FarView, LiveTechnician, LiveTrip, fix_of
from tracker.messages import Board, BoardTechnician, Fix, encode
from tracker.records import LastState
from tracker.streams import renumbered
from tracker.topics import Topic

if TYPE_CHECKING:
    from tracker.node import Node

GIVE_UP_WITHIN_S = 1.0
TOPICS_AT_ONCE = 500
ROWS_AT_ONCE = 500
CONFIRM_AGAIN_S = 0.5
TRIP = "trip:"

_decode_board = msgspec.json.Decoder(Board).decode

log = logging.getLogger("enroute.bus")


class Listening:
    """The member of the exchange. ``tracker.bus.shared`` derives what this process says.

    ``on_change`` takes the body of a change that another process announced and returns the answer to it, or what to
    wait for.
    ``on_doubt`` is called when changes may have been missed: what is known of the visits should be read afresh.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._wanted = Wanted()
        self._wanting = Wanting()
        self._rows: dict[str, BoardTechnician] = {}
        self._moved: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asked_fixes: Asking[FixesTaken] = Asking()
        self._asked_given: Asking[Given] = Asking()
        self._asked_change: Asking[bytes] = Asking()
        self._confirming = False
        self._cut_off = False
        # Of what came together: positions that are told in one go, and whether this process may believe it.
        self._positions: list[tuple[Topic, int, bytes, bytes]] = []
        self._doubt: bool | None = None
        # Something was not believed because of it, and nobody says it again unasked.
        self._turned_away = False
        self.counts: Counter[str] = Counter()
        self.on_change: Callable[[bytes], bytes | Awaitable[bytes]] = lambda body: b""
        self.on_doubt: Callable[[], None] = lambda: None

    def attach(self, node: Node) -> None:
        self._node = node
        self.ownership = Ownership(
            node, self._exchange, tell=self._broadcast, taken=self.taken, give_up=self._ask_to_give_up
        )
        self._handing_on = HandingOn(node, self.ownership, ask=self._ask_to_take_in)

    # What the exchange says

    def received(self, sender: str, message: bytes) -> None:
        try:
            word = decode_word(message)
        except msgspec.DecodeError:
            self.counts["garbled"] += 1
            return
        if type(word) is Told:
            self._take_told(sender, word)
            return
        if self._positions:
            # Whatever else was said, was said after them.
            self._tell_positions()
        match word:
            case ArrivalTold():
                self._take_arrival(sender, word)
            case View():
                self._take_view(sender, word)
            case Fixes():
                technician = self._node.technician(word.technician)
                self._spawn(self._take_fixes(sender, technician, word), "fixes from another process")
            case FixesTaken():
                self._asked_fixes.answer(sender, word.number, word)
            case Change():
                self._take_change(sender, word)
            case Done():
                self._asked_change.answer(sender, word.number, word.body)
            case PageTold():
                self._node.hub.publish_topic(word.topic, word.payload)
            case RowsTold():
                self._take_rows(word.payload)
            case Owns():
                self._take_owners(sender, word.technicians)
            case Wants():
                self._take_wants(sender, word.topics)
            case Unwants():
                self._wanting.remove(sender, word.topics)
                self._mark_far(word.topics)
            case GiveUp():
                self._send(sender, self.ownership.hand_over(word.number, self._node.technician(word.technician)))
            case Given():
                self._asked_given.answer(sender, word.number, word)
            case Again():
                self._introduce(sender)

    def took_in(self) -> None:
        if self._positions:
            self._tell_positions()
        self._doubt = None

    def joined(self, node_id: str) -> None:
        self._introduce(node_id)
        self.on_doubt()

    def missed(self, node_id: str) -> None:
        self.counts["missed"] += 1
        self._send(node_id, Again())
        self._introduce(node_id)
        self.on_doubt()

    def left(self, node_id: str) -> None:
        self._asked_fixes.left(node_id)
        self._asked_given.left(node_id)
        self._asked_change.left(node_id)
        self._wanting.remove(node_id)
        self._mark_far(None)
        self._spawn(self.ownership.orphaned(node_id), "technicians of a process that left")
        self.on_doubt()

    def cut_off(self) -> None:
        log.warning("the other processes cannot be reached; watchers and bookings here go on")
        self._cut_off = True
        for asked in (self._asked_fixes, self._asked_given, self._asked_change):
            asked.give_up()
        self.on_doubt()

    def back(self, emptied: bool) -> None:
        log.warning("the other processes can be reached again%s", ", Redis was emptied" if emptied else "")
        self._cut_off = False
        self._confirming = True
        self._spawn(self._confirm(), "claims after an outage")
        for node_id in self._exchange.peers:
            self._send(node_id, Again())
            self._introduce(node_id)
        self.on_doubt()

    # Inside

    def _take_told(self, sender: str, told: Told) -> None:
        live = self._admitted(sender, told)
        if live is None or live.facts is None or not live.facts.tracking:
            return
        view = live.view
        if view is None:
            view = live.view = FarView()
        if not told.conflates:
            if self._positions:
                self._tell_positions()
            view.route = told.payload
            self._node.relay(live, told.payload)
            return
        if not view.see(told.payload):
            self.counts["stale"] += 1
            return
        live.seq = seq = live.seq + 1
        topic = self._node.hub.find(live.topic)
        if topic is not None:
            payload = renumbered(told.payload, seq)
            self._positions.append((topic, seq, payload, frame(payload)))

    def _tell_positions(self) -> None:
        positions, self._positions = self._positions, []
        hub = self._node.hub
        hub.hold()
        hub.tell_all(positions, self._node.now_ms())
        hub.release()

    def _take_arrival(self, sender: str, told: ArrivalTold) -> None:
        live = self._admitted(sender, told)
        if live is None:
            return
        if live.view is None:
            live.view = FarView()
        live.view.hear(told.payload, self._node.now_ms())
        if live.facts is not None and live.facts.tracking:
            self._node.relay(live, told.payload)

    def _take_view(self, sender: str, told: View) -> None:
        live = self._admitted(sender, told)
        if live is not None and live.facts is not None:
            before = live.view or FarView()
            view = live.view = FarView(before.fixed_at)
            view.hear(told.arrival, self._node.now_ms())
            if live.facts.tracking:
                view.route = told.route
                position = told.position
                if position is not None and not view.see(position):
                    view.position, position = before.position, None
                for payload, conflates in ((told.route, False), (position, True), (told.arrival, False)):
                    if payload is not None:
                        self._node.relay(live, payload, conflates=conflates)
        self._wanted.viewed(TRIP + told.trip)

    def doubtful(self) -> bool:
        """May this process have slept through changes and through the end of its lease?"""
        raise NotImplementedError

    def _admitted(self, sender: str, told: Told | ArrivalTold | View) -> LiveTrip | None:
        """The trip, if that technician is under way to it and the sender is, as far as is known here, their owner."""
        doubt = self._doubt
        if doubt is None:
            doubt = self._doubt = self.doubtful()
        live = self._node.known_trip(told.trip)
        technician = live.technician if live is not None else None
        if doubt:
            self._turned_away = True
        if live is None or technician is None or technician.id != told.technician or doubt:
            self.counts["untimely"] += 1
            return None
        if not technician.owned and technician.owner == sender and technician.fence == told.fence:
            return live
        if not self.ownership.heard(sender, technician.id, told.fence) or technician.owned:
            self.counts["fenced"] += 1
            return None
        return live

    async def _take_fixes(self, sender: str, technician: LiveTechnician, word: Fixes) -> None:
        self._send(sender, await self._handing_on.take_in(technician, word.number, word.fixes))

    def _take_change(self, sender: str, change: Change) -> None:
        """It counts as taken in, and is answered, when all that it brings about here is done."""
        try:
            answer = self.on_change(change.body)
        except Exception:
            log.exception("a change of another process could not be taken in; the visits are read afresh")
            self.on_doubt()
            answer = b""
        if isinstance(answer, bytes):
            self._send(sender, Done(change.number, answer))
        else:
            self._spawn(self._finish_change(sender, change.number, answer), "a change of another process")

    async def _finish_change(self, sender: str, number: int, answer: Awaitable[bytes]) -> None:
        body = b""
        try:
            body = await answer
        except Exception:
            log.exception("a change of another process could not be taken in; the visits are read afresh")
            self.on_doubt()
        self._send(sender, Done(number, body))

    def _take_rows(self, payload: bytes) -> None:
        try:
            board = _decode_board(payload)
        except msgspec.DecodeError:
            self.counts["garbled"] += 1
            return
        for row in board.technicians:
            self._rows[row.id] = row
        self._node.hub.publish_topic(BOARD_TOPIC, payload)
        self._wanted.viewed(BOARD_TOPIC)

    def _take_owners(self, sender: str, technicians: list[tuple[str, int]]) -> None:
        for technician_id, fence in technicians:
            self.ownership.heard(sender, technician_id, fence)

    def _take_wants(self, sender: str, topics: list[str]) -> None:
        self._wanting.add(sender, topics)
        self._mark_far(topics)
        for topic in topics:
            if topic == BOARD_TOPIC:
                mine = [technician.id for technician in self.ownership.owned]
                for first in range(0, max(1, len(mine)), ROWS_AT_ONCE):
                    rows = self._node.board(self._node.now_ms(), set(mine[first : first + ROWS_AT_ONCE]))
                    self._send(sender, RowsTold(encode(rows)))
                continue
            live = self._node.known_trip(topic.removeprefix(TRIP))
            if live is not None and live.technician is not None and live.technician.owned:
                self._send(sender, self._view_of(live, live.technician))

    def _view_of(self, live: LiveTrip, technician: LiveTechnician) -> View:
        view = self._node.view(live, self._node.now_ms())
        return View(live.id, technician.fence, view.position, view.route, view.arrival, technician.id)

    def taken(self, technician: LiveTechnician) -> None:
        """The technician is this process's own now: who wants their trip is told what is known."""
        self._rows.pop(technician.id, None)
        live = technician.trip
        if live is None:
            return
        live.far = self._wanting.of(live.topic)
        self._send_all(live.far, self._view_of(live, technician))

    async def _bring_back(self, technician: LiveTechnician, known: LastState) -> None:
        """Watchers elsewhere see what was told here alone: from here again, if the phone is here, or by the owner."""
        if self._node.has_phone(technician.id):
            await self.ownership.reclaimed(technician, known)
        owner = technician.owner
        if not technician.owned and owner is not None and known.fixed_at:
            # It is on disk already, or will be.
            await self._ask_to_take_in(owner, technician.id, [fix_of(known)])

    def _mark_far(self, topics: list[str] | None) -> None:
        """Trips know who wants them; None: look at all."""
        if topics is None:
            trips = [each.trip for each in self.ownership.owned if each.trip is not None]
        else:
            known = [self._node.known_trip(topic.removeprefix(TRIP)) for topic in topics]
            trips = [live for live in known if live is not None]
        for live in trips:
            owned = live.technician is not None and live.technician.owned
            live.far = self._wanting.of(live.topic) if owned else None

    def _introduce(self, node_id: str) -> None:
        """What a process has to know of this one that cannot know it, or may have forgotten."""
        mine = [(technician.id, technician.fence) for technician in self.ownership.owned]
        for first in range(0, len(mine), TOPICS_AT_ONCE):
            self._send(node_id, Owns(mine[first : first + TOPICS_AT_ONCE]))
        topics = list(self._wanted)
        for first in range(0, len(topics), TOPICS_AT_ONCE):
            self._send(node_id, Wants(topics[first : first + TOPICS_AT_ONCE]))

    async def _confirm(self) -> None:
        self._confirming = True
        try:
            while not self._cut_off:
                try:
                    await self.ownership.confirm()
                    return
                except ExchangeAway:
                    await asyncio.sleep(CONFIRM_AGAIN_S)
        finally:
            self._confirming = False
            self._catch_up()

    def _catch_up(self) -> None:
        """Tell what could not be told while in doubt, ask for what could not be believed, and bring back whom this
        process followed alone."""
        if self.doubtful():
            return
        self._node.trusted()
        if self._turned_away:
            self._turned_away = False
            for node_id in self._exchange.peers:
                self._introduce(node_id)
        if not self._cut_off:
            displaced, self.ownership.displaced = self.ownership.displaced, {}
            for technician_id, known in displaced.items():
                technician = self._node.technician(technician_id)
                if not technician.owned:
                    self._spawn(self._bring_back(technician, known), "a technician who was followed here alone")

    async def _ask_to_give_up(self, owner: str, technician_id: str) -> Given | None:
        if owner not in self._exchange.peers:
            return None
        number, answers = self._asked_given.ask({owner})
        self._send(owner, GiveUp(number, technician_id))
        return (await self._asked_given.within((number, answers), GIVE_UP_WITHIN_S)).get(owner)

    async def _ask_to_take_in(self, owner: str, technician_id: str, fixes: list[Fix]) -> FixesTaken | None:
        if owner not in self._exchange.peers:
            return None
        number, answers = self._asked_fixes.ask({owner})
        self._send(owner, Fixes(number, technician_id, fixes))
        return (await self._asked_fixes.within((number, answers), ANSWER_WITHIN_S)).get(owner)

    def _send(self, node_id: str, word: Word) -> None:
        try:
            self._exchange.send(node_id, encode_word(word))
        except ExchangeMessageTooLarge:
            self.counts["too_large"] += 1

    def _send_all(self, node_ids: set[str] | None, word: Word) -> None:
        if node_ids:
            data = encode_word(word)
            try:
                for node_id in node_ids:
                    self._exchange.send(node_id, data)
            except ExchangeMessageTooLarge:
                self.counts["too_large"] += 1

    def _broadcast(self, word: Word) -> None:
        try:
            self._exchange.broadcast(encode_word(word))
        except ExchangeMessageTooLarge:
            self.counts["too_large"] += 1

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed", task.get_name(), exc_info=task.exception())
