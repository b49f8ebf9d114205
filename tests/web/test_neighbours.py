"""Workers of one server pass connections on to each other: real sockets between two of them in one process."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from web import neighbours
from web.handshake import Acceptance
from web.neighbours import AGAIN_S, BATCH, HANGS_S, LARGEST, WATCHERS_AN_HOUR, Full, Neighbours, home_of
from web.upgrade import PASS_ON, UpgradeRequest

REQUEST = UpgradeRequest(
    target=b"/ws/device?a=1",
    headers=[(b"host", b"enroute.example"), (b"cookie", b"c=\xe9")],
    acceptance=Acceptance(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", ["enroute.v1"]),
    client=("192.0.2.1", 4711),
    server=("127.0.0.1", 8080),
    early=b"\x81\x80abcd",
)


@dataclass
class Bus:
    """As much of it as says who is there."""

    node_id: str
    peers: frozenset[str] = frozenset()
    connected: bool = True
    owners: dict[str, str] = field(default_factory=dict)
    phones: set[str] = field(default_factory=set)

    def has_phone(self, technician_id: str) -> bool:
        return technician_id in self.phones

    def owner_of(self, technician_id: str) -> str | None:
        return self.owners.get(technician_id)


@dataclass
class Worker:
    bus: Bus
    neighbours: Neighbours
    closing: contextlib.ExitStack
    is_full: bool = False
    passed: asyncio.Queue[tuple[UpgradeRequest, socket.socket]] = field(default_factory=asyncio.Queue)

    def start(self) -> None:
        self.neighbours.start(self._take)

    def _take(self, request: UpgradeRequest, sock: socket.socket) -> None:
        self.closing.enter_context(sock)
        if self.is_full:
            raise Full
        self.passed.put_nowait((request, sock))


@pytest.fixture
def closing() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands still; ``now_s`` is for the test to move."""
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(neighbours, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


@pytest_asyncio.fixture
async def family(closing: contextlib.ExitStack) -> Callable[..., Worker]:
    """Makes workers that know each other."""
    name = secrets.token_hex(4)
    workers: list[Worker] = []

    def make(node_id: str, of: str = name, number: int = 0) -> Worker:
        bus: Any = Bus(node_id)
        number = number or ord(node_id) - ord("a") + 1
        workers.append(worker := Worker(bus, Neighbours(of, bus, number=number, count=3), closing))
        closing.callback(worker.neighbours.close)
        for each in workers:
            each.bus.peers = frozenset(other.bus.node_id for other in workers if other is not each)
        return worker

    return make


@dataclass
class Handshake:
    """A websocket that was not accepted yet, and its client."""

    client: socket.socket
    socket: socket.socket
    request: UpgradeRequest

    @property
    def scope(self) -> dict[str, Any]:
        return {"extensions": {PASS_ON: lambda give: give(self.request, self.socket)}}


@pytest.fixture
def handshake(closing: contextlib.ExitStack) -> Callable[..., Any]:
    """Makes them."""

    def make(request: UpgradeRequest = REQUEST) -> Handshake:
        client, served = socket.socketpair()
        client.settimeout(10)
        closing.enter_context(client)
        closing.enter_context(served)
        return Handshake(client, served, request)

    return make


def technician_of(home: str, *nodes: str) -> str:
    """One who belongs there: `a` is worker 1, and so on."""
    numbers = {ord(each) - ord("a") + 1 for each in nodes}
    return next(
        name
        for name in (f"ana-{number}" for number in range(1000))
        if home_of(name, numbers) == ord(home) - ord("a") + 1
    )


def test_technicians_are_spread_over_the_workers_and_few_move_when_one_is_away():
    names = [f"ana-{number}" for number in range(400)]

    homes = [home_of(name, [3, 1, 4, 2]) for name in names]
    without = [home_of(name, [1, 2, 4]) for name in names]

    assert homes == [home_of(name, (1, 2, 3, 4)) for name in names]
    assert all(70 < homes.count(number) < 130 for number in (1, 2, 3, 4))
    assert {before for before, after in zip(homes, without, strict=True) if before != after} == {3}


async def test_the_socket_arrives_with_the_request_and_lives_on(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    asked = handshake()

    passed = here.neighbours.pass_on(asked, technician_of("b", "a", "b"))
    asked.socket.close()
    request, sock = await there.passed.get()
    sock.sendall(b"from there")

    assert passed
    assert request == REQUEST
    assert asked.client.recv(64) == b"from there"
    assert (here.neighbours.passed_on, there.neighbours.taken_in) == (1, 1)


async def test_what_belongs_here_stays(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    asked = handshake()

    assert not here.neighbours.pass_on(asked, technician_of("a", "a", "b"), is_phone=True)
    assert not here.neighbours.pass_on(SimpleNamespace(scope={"extensions": {}}), technician_of("b", "a", "b"))


async def test_a_server_of_another_family_is_not_beside(family, handshake):
    here, there = family("a"), family("b", of="others")
    there.start()

    assert not here.neighbours.pass_on(handshake(), technician_of("b", "a", "b"))


async def test_children_of_this_process_do_not_get_what_was_passed(family, handshake):
    here, there = family("a"), family("b")
    there.start()

    here.neighbours.pass_on(handshake(), technician_of("b", "a", "b"))
    _, sock = await there.passed.get()

    assert not sock.get_inheritable()


async def test_who_has_closed_is_passed_nothing_more_and_what_was_passed_before_is_not_lost(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    assert here.neighbours.pass_on(handshake(), theirs)

    there.neighbours.close()

    assert there.passed.qsize() == 1
    assert not here.neighbours.pass_on(handshake(), theirs)
    # Also once it is gone, and for whoever comes in its place.
    here.bus.peers = frozenset()
    assert not here.neighbours.pass_on(handshake(), theirs)
    successor = family("c", number=2)
    successor.start()
    assert here.neighbours.pass_on(handshake(), theirs)


async def test_a_watcher_stays_where_the_phone_is_though_it_belongs_elsewhere(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    here.bus.phones.add(theirs)

    assert not here.neighbours.pass_on(handshake(), theirs)

    here.bus.phones.clear()
    assert here.neighbours.pass_on(handshake(), theirs)


async def test_who_was_away_or_only_starts_is_found_again(family, handshake, clock):
    here, there = family("a"), family("b")
    theirs = technician_of("b", "a", "b")
    assert not here.neighbours.pass_on(handshake(), theirs)

    there.start()

    assert not here.neighbours.pass_on(handshake(), theirs)
    clock.now_s += AGAIN_S
    assert here.neighbours.pass_on(handshake(), theirs)
    here.bus.peers = frozenset()
    assert not here.neighbours.pass_on(handshake(), theirs)
    here.bus.peers = frozenset({"b"})
    assert here.neighbours.pass_on(handshake(), theirs)


async def test_a_full_worker_is_given_nothing_for_a_while(family, handshake, clock):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    there.is_full = True
    line_ended = asyncio.Event()
    there.neighbours._hang_up = lambda line, hang_up=there.neighbours._hang_up: (hang_up(line), line_ended.set())
    assert here.neighbours.pass_on(handshake(), theirs)
    await line_ended.wait()

    assert not here.neighbours.pass_on(handshake(), theirs)

    there.is_full = False
    clock.now_s += AGAIN_S
    assert here.neighbours.pass_on(handshake(), theirs)
    await there.passed.get()
    assert there.neighbours.taken_in == 1


async def test_without_redis_a_phone_goes_to_its_owner(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    here.bus.owners[theirs] = "a"
    here.bus.connected = False

    assert not here.neighbours.pass_on(handshake(), theirs, is_phone=True)

    here.bus.connected = True
    assert here.neighbours.pass_on(handshake(), theirs, is_phone=True)


async def test_a_crowd_of_one_technician_is_not_gathered(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")

    passed = []
    for _ in range(WATCHERS_AN_HOUR + 8):
        passed.append(here.neighbours.pass_on(handshake(), theirs))
        if passed[-1]:
            await there.passed.get()

    assert sum(passed) == WATCHERS_AN_HOUR
    # The phone is no part of it.
    assert here.neighbours.pass_on(handshake(), theirs, is_phone=True)


async def test_a_worker_that_hangs_is_given_nothing_more_until_it_goes_on(family, handshake, clock):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    # Nothing is awaited here, so it reads nothing.
    assert here.neighbours.pass_on(handshake(), theirs)
    assert here.neighbours.pass_on(handshake(), theirs)
    clock.now_s += HANGS_S
    assert here.neighbours.pass_on(handshake(), theirs)
    clock.now_s += 0.1

    assert not here.neighbours.pass_on(handshake(), theirs)

    for _ in range(3):
        await there.passed.get()
    assert here.neighbours.pass_on(handshake(), theirs)


async def test_no_more_is_sent_than_the_line_holds(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    large = UpgradeRequest(b"/", [(b"x", b"y" * 60_000)], REQUEST.acceptance, None, None)

    passed = [here.neighbours.pass_on(handshake(large), theirs, is_phone=True) for _ in range(20)]

    assert 2 <= sum(passed) < 20
    assert passed == sorted(passed, reverse=True)
    for _ in range(sum(passed)):
        await there.passed.get()
    assert here.neighbours.pass_on(handshake(large), theirs, is_phone=True)


async def test_when_all_come_back_at_once_the_loop_gets_its_turn_between(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    assert all(here.neighbours.pass_on(handshake(), theirs, is_phone=True) for _ in range(2 * BATCH))

    await there.passed.get()

    assert there.passed.qsize() == BATCH - 1
    for _ in range(2 * BATCH - 1):
        await there.passed.get()


async def test_too_large_a_request_stays(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    huge = UpgradeRequest(b"/", [(b"x", b"y" * LARGEST)], REQUEST.acceptance, None, None)

    assert not here.neighbours.pass_on(handshake(huge), technician_of("b", "a", "b"))


async def test_what_cannot_be_read_is_closed_and_the_next_is_taken(family, handshake):
    here, there = family("a"), family("b")
    there.start()
    theirs = technician_of("b", "a", "b")
    assert here.neighbours.pass_on(handshake(), theirs)
    await there.passed.get()
    stranger, broken = handshake(), here.neighbours._lines["b"].socket

    socket.send_fds(broken, [b"no request"], [stranger.socket.fileno()])
    stranger.socket.close()
    socket.send_fds(broken, [b"nothing with it"], [])
    passed = here.neighbours.pass_on(handshake(), theirs)

    assert passed
    await there.passed.get()
    assert stranger.client.recv(1) == b""
