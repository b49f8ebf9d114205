"""Whoever begins to watch while positions are published: snapshot and stream fit together, whenever that was."""

from __future__ import annotations

import random
from collections import deque

import msgspec
import pytest

from tests.tracker.journeys import NOW_MS, fix_at
from tests.tracker.nodes import set_off
from tests.tracker.stores import MemoryTrackStore
from tracker import telling
from tracker.hub import Hub
from tracker.node import Node
from tracker.watchers import NEVER_MS, Watcher

TRIALS = 4_000
FULL_TRIALS = 1_000_000
MOMENTS = ("before the turn", "in the turn", "after the turn", "between slices")


class Numbered(msgspec.Struct):
    """Of any message: its number in the stream."""

    seq: int
    type: str


_decode = msgspec.json.Decoder(Numbered).decode


class Reader(Watcher):
    """Checks each message as it comes: nothing older than what it has, nothing twice."""

    __slots__ = ("faults", "newest", "position")

    def __init__(self) -> None:
        super().__init__(write=self.read, principal=None, until_ms=NEVER_MS)
        self.newest = 0
        self.position = 0
        self.faults: list[tuple[int, int]] = []

    def read(self, data: bytes) -> None:
        told = _decode(data[2:] if data[1] < 126 else data[4:])
        if told.seq <= self.newest:
            self.faults.append((told.seq, self.newest))
        self.newest = told.seq
        if told.type == "position":
            self.position = told.seq


class Turns:
    """Stands for the event loop between two slices of a crowd."""

    def __init__(self) -> None:
        self.soon: deque = deque()

    def call_soon(self, callback, *values) -> None:
        self.soon.append((callback, values))

    def run(self, count: int = 1 << 30) -> None:
        while self.soon and count:
            count -= 1
            callback, values = self.soon.popleft()
            callback(*values)


class World:
    """One technician who drives up and down, a crowd that watches, and a clock."""

    def __init__(self, *, crowd: int) -> None:
        self.s = 0
        self.turns = Turns()
        self.hub = Hub(now_ms=self.now_ms, loop=self.turns, clock_s=lambda: 0.0)
        self.node = Node(hub=self.hub, store=MemoryTrackStore(), now_ms=self.now_ms)
        set_off(self.node)
        for _ in range(crowd):
            self.hub.subscribe(self.node.topic("visit"), Reader())

    def now_ms(self) -> int:
        return NOW_MS + 1000 * self.s

    def fix(self) -> None:
        self.s += 1
        east_m = 10.0 * (self.s % 100 if self.s % 200 < 100 else 100 - self.s % 100)
        self.node.ingest("ana", [fix_at(east_m=east_m, s=self.s)], self.now_ms())
        self.node.recorder.rows.clear()

    def join(self) -> Reader:
        """Snapshot and subscription in one breath, as the endpoint does."""
        reader = Reader()
        reader.newest = self.node.snapshot("visit", self.now_ms()).seq
        reader.position = reader.newest
        self.hub.subscribe(self.node.topic("visit"), reader)
        return reader

    def trial(self, moment: str, fixes: int, slices: int) -> Reader:
        reader = None
        if moment == "before the turn":
            reader = self.join()
        self.node.hold()
        for number in range(fixes):
            self.fix()
            if moment == "in the turn" and number == 0:
                reader = self.join()
        self.node.release()
        if moment == "between slices":
            self.turns.run(slices)
            reader = self.join()
        self.turns.run()
        if reader is None:
            reader = self.join()
        self.node.hold()
        self.fix()
        self.node.release()
        self.turns.run()
        self.hub.unsubscribe(reader)
        return reader


@pytest.mark.parametrize("crowd", [0, 7])
@pytest.mark.parametrize("trials", [TRIALS, pytest.param(FULL_TRIALS // 2, marks=pytest.mark.full)])
@pytest.mark.timeout(900)
async def test_none_of_many_who_join_while_positions_are_published_is_stale(monkeypatch, crowd, trials):
    monkeypatch.setattr(telling, "TURN_WRITES", 3)
    monkeypatch.setattr(telling, "SLICE", 3)
    world = World(crowd=crowd)
    world.fix()
    chance = random.Random(7)
    stale, faults = 0, []

    for _ in range(trials):
        moment = MOMENTS[chance.randrange(len(MOMENTS))]
        reader = world.trial(moment, chance.randrange(1, 4), chance.randrange(3))
        newest = world.node._trips["visit"].seq
        faults += reader.faults
        # The very last message may be an arrival time that follows its position.
        stale += not (reader.newest == newest and reader.position >= newest - 1)

    assert (stale, faults) == (0, [])
