"""Busy sockets are looked at in ticks, quiet ones at every arrival; nobody's bytes are lost between.

Time is that of a loop made by hand, so that busy and quiet are said and not hoped for.
"""

import asyncio
import functools
import heapq
import itertools
import select
import socket
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

from tests.tracker.sockets import SOON_S, Peer, until
from tests.tracker.test_sockets import Hearing, Log
from tracker import sockets as module
from tracker.pace import ALONE, PATIENT, WINDOW_S, Habit
from tracker.sockets import BATCH, Sockets

TICK_S = ALONE.longest_s
"""Whatever the load is, the next look is due after so long."""
MOMENT_S = 1e-4
"""Between two arrivals under load."""


class HandLoop:
    """An event loop whose time passes when it is told to. ``on_change`` is called when a descriptor is about to be
    watched or no longer watched."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.readers: dict[int, Callable[[], Any]] = {}
        self.on_change: Callable[[], None] = lambda: None
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now_s

    def call_soon(self, callback, *values):
        self._ready.append((callback, values))

    def call_later(self, delay_s, callback, *values):
        return self.call_at(self.now_s + delay_s, callback, *values)

    def call_at(self, at_s, callback, *values):
        heapq.heappush(self._timers, (at_s, next(self._numbers), callback, values))
        return SimpleNamespace(cancel=lambda: None)

    def add_reader(self, fd, callback, *values):
        self.on_change()
        self.readers[fd] = functools.partial(callback, *values)

    def remove_reader(self, fd):
        self.on_change()
        return self.readers.pop(fd, None) is not None

    def turn(self) -> None:
        """One round: who is ready, whose time has come, what was to be done soon."""
        for fd in select.select(list(self.readers), [], [], 0)[0]:
            self._ready.append((self.readers[fd], ()))
        while self._timers and self._timers[0][0] <= self.now_s:
            self._ready.append(heapq.heappop(self._timers)[2:])
        for _ in range(len(self._ready)):
            callback, values = self._ready.popleft()
            callback(*values)

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.turn()

    @property
    def idle(self) -> bool:
        return not (self._ready or self._timers)


class Busy:
    """Sockets on such a loop, and one phone that may talk all the time."""

    def __init__(self, *, patient: bool = False) -> None:
        self.loop = HandLoop()
        self.log = Log(patient=patient)
        self.sockets = Sockets(turn=self.log)
        self._ends: list[socket.socket] = []
        self.phone = Hearing("phone", self.log.notes)
        self.theirs = self.join(self.phone)
        self.loop.turn()

    def join(self, connection: Hearing) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._ends.append(theirs)
        asyncio._set_running_loop(self.loop)  # type: ignore[arg-type]
        try:
            self.sockets.adopt(ours.detach(), connection)
        finally:
            asyncio._set_running_loop(None)
        return theirs

    def say(self, text: str = "fix", theirs: socket.socket | None = None) -> None:
        (theirs or self.theirs).sendall(Peer._framed(text, None))

    def talk(self, *, until: Callable[[], bool], pause_s: float = MOMENT_S) -> int:
        """One message after the other until something is so; how many it were."""
        for count in range(100_000):
            if until():
                return count
            self.say(str(count))
            self.loop.pass_s(pause_s)
        raise AssertionError("it never came to that")

    @property
    def ticks(self) -> bool:
        return not self.loop.readers

    def become_busy(self) -> None:
        self.talk(until=lambda: self.ticks)
        self.loop.pass_s(TICK_S)
        self.phone.heard.clear()

    def rest(self) -> None:
        """Nobody says a word for two windows."""
        for _ in range(round(2 * WINDOW_S / TICK_S)):
            self.loop.pass_s(TICK_S)

    def close(self) -> None:
        self.loop.on_change = lambda: None
        self.sockets.close()
        for end in self._ends:
            end.close()


@pytest.fixture
def busy() -> Iterator[Busy]:
    made = Busy()
    yield made
    made.close()


@pytest.fixture
def patient() -> Iterator[Busy]:
    """Nobody watches live."""
    made = Busy(patient=True)
    yield made
    made.close()


def test_when_it_is_quiet_an_arrival_is_heard_at_once(busy):
    for number in range(500):
        busy.say(str(number))
        busy.loop.pass_s(0)
        assert len(busy.phone.heard) == number + 1
        busy.loop.pass_s(1.1 * WINDOW_S / ALONE.busy_wakes)

    assert not busy.ticks


def test_under_load_arrivals_wait_for_company_and_one_turn_serves_them_all(busy):
    busy.become_busy()
    turns = len(busy.log.turns)

    for number in range(10):
        busy.say(str(number))
        busy.loop.pass_s(MOMENT_S)
    assert busy.phone.heard == []
    busy.loop.pass_s(TICK_S)

    assert busy.phone.heard == [b"%d" % number for number in range(10)]
    assert len(busy.log.turns) == turns + 1


def test_as_long_as_the_load_lasts_the_ticks_go_on(busy):
    busy.become_busy()
    ends_s = busy.loop.now_s + 20 * WINDOW_S

    count = busy.talk(until=lambda: busy.loop.now_s > ends_s, pause_s=0.9 * WINDOW_S / ALONE.quiet_events)
    assert busy.ticks
    busy.loop.pass_s(TICK_S)

    assert busy.phone.heard == [b"%d" % number for number in range(count)]


def test_when_the_load_is_over_an_arrival_is_heard_at_once_again(busy):
    busy.become_busy()

    busy.rest()
    busy.say()
    busy.loop.pass_s(0)

    assert busy.phone.heard == [b"fix"]
    assert not busy.ticks


def test_busy_and_quiet_may_follow_each_other_for_ever_and_nothing_is_lost(busy):
    for _ in range(20):
        busy.become_busy()
        count = busy.talk(until=lambda: len(busy.phone.heard) >= 100)
        busy.rest()
        assert busy.phone.heard == [b"%d" % number for number in range(count)]
        assert not busy.ticks
    assert busy.loop.idle


@pytest.mark.parametrize("becomes", ["busy", "quiet"])
def test_bytes_that_come_in_the_very_change_are_heard(busy, becomes):
    """Before the descriptor is watched no longer, and before it is watched again."""
    other = Hearing("other")
    theirs = busy.join(other)
    if becomes == "quiet":
        busy.become_busy()
    busy.loop.on_change = lambda: busy.say("now", theirs)

    if becomes == "busy":
        busy.talk(until=lambda: busy.ticks)
    else:
        busy.rest()
    busy.loop.pass_s(TICK_S)

    assert other.heard == [b"now"]


def test_who_is_adopted_in_busy_times_is_heard_with_the_next_tick(busy):
    busy.become_busy()
    newcomer = Hearing("newcomer")

    busy.say("hello", busy.join(newcomer))
    busy.loop.pass_s(TICK_S)

    assert newcomer.heard == [b"hello"]


def test_more_than_a_batch_is_not_kept_waiting_for_the_next_tick(busy):
    crowd = [Hearing() for _ in range(2 * BATCH + 5)]
    ends = [busy.join(each) for each in crowd]
    busy.loop.turn()
    busy.become_busy()

    for theirs in ends:
        busy.say("1", theirs)
    busy.loop.pass_s(TICK_S)
    for _ in range(3):
        busy.loop.pass_s(0)

    assert [each.heard for each in crowd] == [[b"1"]] * len(crowd)


@pytest.mark.parametrize("when", ["busy", "quiet"])
def test_a_turn_that_cannot_be_told_is_not_the_last_one(busy, when):
    if when == "busy":
        busy.become_busy()
    release = busy.log.release
    busy.log.release = lambda: 1 / 0
    busy.say("1")
    with pytest.raises(ZeroDivisionError):
        busy.loop.pass_s(TICK_S)
    busy.log.release = release

    busy.say("2")
    busy.loop.pass_s(TICK_S)

    assert busy.phone.heard == [b"1", b"2"]


@pytest.mark.parametrize("when", ["busy", "quiet"])
def test_closing_ends_the_ticks(busy, when):
    if when == "busy":
        busy.become_busy()

    busy.say()
    busy.sockets.close()
    busy.rest()

    assert busy.loop.idle
    assert not busy.loop.readers
    assert busy.phone.ends == 1


def test_while_nobody_watches_live_a_few_arrivals_a_window_wait_for_company(patient):
    patient.talk(until=lambda: patient.ticks, pause_s=0.5 * WINDOW_S / PATIENT.busy_wakes)
    patient.loop.pass_s(TICK_S)
    patient.phone.heard.clear()
    turns = len(patient.log.turns)

    for number in range(3):
        patient.say(str(number))
        patient.loop.pass_s(PATIENT.longest_s / 4)
    assert patient.phone.heard == []
    patient.loop.pass_s(PATIENT.longest_s)

    assert patient.phone.heard == [b"0", b"1", b"2"]
    assert len(patient.log.turns) == turns + 1


def test_the_first_who_watches_live_ends_the_patience(patient):
    patient.talk(until=lambda: patient.ticks, pause_s=0.5 * WINDOW_S / PATIENT.busy_wakes)
    patient.loop.pass_s(TICK_S)

    patient.log.patient = False
    patient.loop.pass_s(PATIENT.longest_s)
    patient.rest()
    patient.phone.heard.clear()
    patient.say()
    patient.loop.pass_s(0)

    assert patient.phone.heard == [b"fix"]


class Echo(Hearing):
    """Says back what it hears."""

    __slots__ = ()

    def messages_received(self, messages):
        for _, payload in messages:
            self.send(payload)


async def busy_and_quiet_by_turns() -> list[list[int]]:
    """What each of some peers was answered, over several changes."""
    sockets = Sockets()
    loop = asyncio.get_running_loop()
    peers = []
    for _ in range(8):
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setblocking(False)
        sockets.adopt(ours.detach(), Echo())
        peers.append(Peer(loop, theirs))
    answers: list[list[int]] = [[] for _ in peers]

    async def talk(peer: Peer, answers: list[int]) -> None:
        number = len(answers)
        await peer.send(str(number), str(number + 1))
        answers += [await peer.receive(), await peer.receive()]

    for _ in range(3):
        async with asyncio.timeout(SOON_S):
            while not sockets._ticking:
                await asyncio.gather(*map(talk, peers, answers))
        for _ in range(20):
            await asyncio.gather(*map(talk, peers, answers))
        await until(lambda: not sockets._ticking)
        await asyncio.gather(*map(talk, peers, answers))
    for peer in peers:
        peer.hang_up()
    await until(lambda: not len(sockets))
    sockets.close()
    return answers


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_on_real_loops_too_nothing_is_lost_when_the_mode_changes(monkeypatch, new_loop):
    # Quiet only while nothing is said at all, however slow the machine.
    hasty = Habit(busy_wakes=0, quiet_events=1, company=10, shortest_s=0.002, longest_s=0.004)
    monkeypatch.setattr(module, "ALONE", hasty)
    loop = new_loop()
    try:
        answers = loop.run_until_complete(busy_and_quiet_by_turns())
    finally:
        loop.close()

    assert answers == [list(range(len(each))) for each in answers]
