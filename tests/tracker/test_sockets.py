import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.frames import Opcode

from tests.tracker.sockets import Peer, tcp_pair, until
from tracker import connections, sockets
from tracker.connections import CONNECTION_STATE, Connection
from tracker.errors import CloseCode
from tracker.sockets import READ_BYTES, Sockets


class Hearing(Connection):
    """Keeps what it hears, and notes it in the log of its quay. ``on_heard`` is called after each read."""

    __slots__ = (*CONNECTION_STATE, "ends", "heard", "log", "name", "on_heard")

    max_bytes = 1 << 20

    def __init__(self, name: str = "", log: list[str] | None = None) -> None:
        super().__init__()
        self.name = name
        self.log = log if log is not None else []
        self.heard: list[bytes] = []
        self.on_heard: Callable[[], None] = lambda: None
        self.ends = 0

    def messages_received(self, messages):
        self.heard += [payload for _, payload in messages]
        self.log.append(self.name)
        self.on_heard()

    def ended(self):
        self.ends += 1


class Log:
    """Notes when a turn begins and ends, between the names of those who were heard."""

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        self.notes: list[str] = []

    def hold(self) -> None:
        self.notes.append("hold")

    def release(self) -> None:
        self.notes.append("release")

    @property
    def turns(self) -> list[list[str]]:
        """Who was heard in each turn that heard anybody."""
        turns: list[list[str]] = []
        for note in self.notes:
            if note == "hold":
                turns.append([])
            elif note != "release":
                turns[-1].append(note)
        return [turn for turn in turns if turn]


PAIRS = {"unix": socket.socketpair, "tcp": tcp_pair}


class Quay:
    """The sockets under test, and the other ends of them."""

    def __init__(self, turn: Log | None = None) -> None:
        self.log = turn if turn is not None else Log()
        self.sockets = Sockets(turn=self.log)
        self.peers: list[Peer] = []

    def pair(self, kind: str = "unix", *, buffer_bytes: int = 0) -> tuple[int, Peer]:
        """A file descriptor that may be adopted, and its peer."""
        ours, theirs = PAIRS[kind]()
        if buffer_bytes:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        for sock in (ours, theirs):
            sock.setblocking(False)
        peer = Peer(asyncio.get_running_loop(), theirs)
        self.peers.append(peer)
        return ours.detach(), peer

    def join(self, connection: Connection, kind: str = "unix", *, buffer_bytes: int = 0) -> Peer:
        fd, peer = self.pair(kind, buffer_bytes=buffer_bytes)
        self.sockets.adopt(fd, connection)
        return peer

    def hearing(self, count: int) -> list[tuple[Hearing, Peer]]:
        """So many connections named by their number."""
        heard = [Hearing(str(number), self.log.notes) for number in range(count)]
        return [(connection, self.join(connection)) for connection in heard]

    def close(self) -> None:
        for peer in self.peers:
            peer.hang_up()
        self.sockets.close()


@pytest.fixture
async def quay() -> AsyncIterator[Quay]:
    quay = Quay()
    yield quay
    quay.close()


def say(peer: Peer, *payloads: str | bytes) -> None:
    """Send now, without giving the loop its turn; the socket must take all of it."""
    data = b"".join(Peer._framed(payload, None) for payload in payloads)
    assert peer._sock.send(data) == len(data)


def reset(peer: Peer) -> None:
    """Hang up the hard way: what is in flight is lost (TCP)."""
    peer._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.hang_up()


def half_close(peer: Peer) -> None:
    peer._sock.shutdown(socket.SHUT_WR)


def choke(connection: Connection) -> None:
    while not connection.choked:
        connection.send(b"x" * 1000)


async def read_up(peer: Peer, connection: Connection) -> None:
    """Read until the server's socket takes bytes again."""
    while connection.choked:
        await peer.receive_frame()


# Reading


@pytest.mark.parametrize("kind", PAIRS)
async def test_everything_of_a_large_delivery_is_read_although_its_edge_is_reported_once(quay, kind):
    connection = Hearing()
    peer = quay.join(connection, kind)
    messages = [b"%04d" % number + b"x" * 1000 for number in range(20 * READ_BYTES // 1000)]

    await peer.send(*messages)
    await until(lambda: len(connection.heard) == len(messages))

    assert connection.heard == messages


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("size", [1, READ_BYTES - 8, READ_BYTES, 3 * READ_BYTES])
async def test_what_came_before_the_socket_was_adopted_is_read(quay, kind, size):
    connection = Hearing()
    fd, peer = quay.pair(kind)
    say(peer, b"x" * size)

    quay.sockets.adopt(fd, connection)
    await until(lambda: connection.heard)

    assert connection.heard == [b"x" * size]


async def test_what_was_read_with_the_handshake_is_heard_before_what_followed_even_if_a_turn_is_due_first(quay):
    [(other, _)] = quay.hearing(1)
    connection = Hearing()
    fd, peer = quay.pair()
    frames = b"".join(Peer._framed(payload, None) for payload in ("first", "second"))
    quay.sockets.read_later(other)

    quay.sockets.adopt(fd, connection, frames[:15])
    peer._sock.send(frames[15:])
    await until(lambda: len(connection.heard) == 2 or connection.fd < 0)

    assert connection.heard == [b"first", b"second"]


async def test_what_was_read_with_the_handshake_is_nobodys_when_its_connection_is_over_at_once(quay):
    first, second = Hearing(), Hearing()
    fd, _ = quay.pair()

    quay.sockets.adopt(fd, first, Peer._framed("mine", None))
    first.abort()
    newcomer, peer = quay.pair()
    quay.sockets.adopt(newcomer, second)
    say(peer, "hers")
    await until(lambda: second.heard)

    assert newcomer == fd
    assert (first.heard, second.heard) == ([], [b"hers"])


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("size", [1, READ_BYTES - 8, READ_BYTES, 2 * READ_BYTES - 8])
@pytest.mark.parametrize("hang_up", [Peer.hang_up, half_close])
async def test_a_peer_that_speaks_and_goes_in_one_breath_is_heard_and_then_ended(quay, kind, size, hang_up):
    connection = Hearing()
    peer = quay.join(connection, kind)

    say(peer, b"x" * size)
    hang_up(peer)
    await until(lambda: connection.ends)

    assert (connection.heard, connection.ends, connection.fd) == ([b"x" * size], 1, -1)
    assert len(quay.sockets) == 0


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("choked", [False, True])
@pytest.mark.parametrize("hang_up", [Peer.hang_up, half_close, reset])
async def test_a_peer_that_goes_is_ended_exactly_once(quay, kind, choked, hang_up):
    connection = Hearing()
    peer = quay.join(connection, kind, buffer_bytes=4096)
    if choked:
        choke(connection)

    hang_up(peer)
    if hang_up is half_close and choked:
        await read_up(peer, connection)
    await until(lambda: connection.ends)
    connection.send(b"1")
    connection.close(CloseCode.OVER)
    connection.abort()

    assert (connection.ends, connection.fd, len(quay.sockets)) == (1, -1, 0)


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("goes", [False, True])
async def test_what_a_choked_peer_said_meanwhile_is_heard_once_it_reads(quay, kind, goes):
    connection = Hearing()
    peer = quay.join(connection, kind, buffer_bytes=4096)
    choke(connection)
    say(peer, "one", "two")
    if goes:
        half_close(peer)
    await asyncio.sleep(0)
    assert connection.heard == []

    await read_up(peer, connection)
    await until(lambda: connection.heard)

    assert connection.heard == [b"one", b"two"]
    if goes:
        await until(lambda: connection.ends)


async def test_a_descriptor_used_again_brings_nobody_the_unread_bytes_of_another(quay):
    first, second = Hearing(), Hearing()
    peer = quay.join(first)
    fds = [first.fd]

    def leave() -> None:
        if first.fd >= 0:
            first.abort()
            newcomer, _ = quay.pair()
            fds.append(newcomer)
            quay.sockets.adopt(newcomer, second)

    first.on_heard = leave
    await peer.send(*(b"x" * 1000 for _ in range(100)))
    await until(lambda: second.fd >= 0)
    say(quay.peers[-1], "mine")
    await until(lambda: second.heard)

    assert fds[0] == fds[1]
    assert second.heard == [b"mine"]
    assert len(first.heard) <= READ_BYTES // 1000


# Turns


async def test_all_that_is_ready_is_heard_between_one_hold_and_one_release(quay):
    peers = [peer for _, peer in quay.hearing(5)]
    await asyncio.sleep(0)
    quay.log.notes.clear()

    for peer in peers:
        say(peer, "1")
    await until(lambda: len(quay.log.notes) >= 7)

    assert quay.log.notes[:7] == ["hold", *sorted(quay.log.notes[1:6]), "release"]
    assert set(quay.log.notes[1:6]) == set("01234")


@pytest.mark.parametrize("size", [10, 3 * READ_BYTES])
async def test_no_turn_reads_more_sockets_than_a_batch(quay, monkeypatch, size):
    monkeypatch.setattr(sockets, "BATCH", 4)
    joined = quay.hearing(20)

    for _, peer in joined:
        say(peer, *(b"x" * 10 for _ in range(size // 10)))
    await until(lambda: all(len(connection.heard) == size // 10 for connection, _ in joined))

    assert max(len(turn) for turn in quay.log.turns) <= 4


async def test_a_flood_is_read_in_portions_and_nobody_is_passed_over(quay, monkeypatch):
    monkeypatch.setattr(sockets, "TURN_BYTES", 2 * READ_BYTES)
    joined = quay.hearing(10)
    count = 2 * READ_BYTES // 1000

    for _, peer in joined:
        say(peer, *(b"x" * 1000 for _ in range(count)))
    await until(lambda: all(len(connection.heard) == count for connection, _ in joined))

    assert max(len(turn) for turn in quay.log.turns) <= 3
    assert {name for turn in quay.log.turns[:5] for name in turn} == set("0123456789")


# One that fails


async def test_a_connection_that_fails_is_closed_with_1011_and_the_others_of_the_turn_are_served(quay):
    joined = quay.hearing(3)
    joined[1][0].on_heard = lambda: 1 / 0

    for _, peer in joined:
        say(peer, "1")
    code = await joined[1][1].until_closed()
    say(joined[0][1], "2")
    await until(lambda: len(joined[0][0].heard) == 2)

    assert code == CloseCode.INTERNAL
    assert [connection.heard for connection, _ in joined] == [[b"1", b"2"], [b"1"], [b"1"]]
    assert [connection.alive for connection, _ in joined] == [True, False, True]


@pytest.fixture
async def complaints() -> AsyncIterator[list]:
    """What went wrong in the loop, instead of a line in the log."""
    loop = asyncio.get_running_loop()
    found: list = []
    loop.set_exception_handler(lambda _, context: found.append(context))
    yield found
    loop.set_exception_handler(None)


class Endless(Hearing):
    """What is to be done at its end fails."""

    __slots__ = ()

    def ended(self):
        super().ended()
        raise RuntimeError("no end")


class Undrained(Hearing):
    """What is to be done when its socket takes bytes again fails."""

    __slots__ = ()

    def drained_now(self):
        raise RuntimeError("no drain")


async def test_a_connection_whose_end_fails_is_gone_all_the_same_and_the_others_are_served(quay, complaints):
    endless = Endless()
    peer = quay.join(endless)
    joined = quay.hearing(2)

    peer.hang_up()
    for _, other in joined:
        say(other, "1")
    await until(lambda: all(connection.heard for connection, _ in joined))

    assert (endless.ends, endless.fd, len(quay.sockets)) == (1, -1, 2)


async def test_a_connection_whose_draining_fails_costs_the_others_no_byte(quay, complaints):
    undrained = Undrained()
    peer = quay.join(undrained, buffer_bytes=4096)
    joined = quay.hearing(2)
    choke(undrained)
    await asyncio.sleep(0)

    with contextlib.suppress(BlockingIOError):
        while peer._sock.recv(65_536):
            pass
    for _, other in joined:
        say(other, "1")
    await until(lambda: all(connection.heard for connection, _ in joined))

    assert all(connection.alive for connection, _ in joined)


# Going


async def test_draining_tells_everybody_to_come_back_and_is_over_when_they_answered(quay, monkeypatch):
    monkeypatch.setattr(sockets, "DRAIN_S", 60.0)
    joined = quay.hearing(7)

    drained = asyncio.ensure_future(quay.sockets.drain())
    codes = await asyncio.gather(*(peer.until_closed() for _, peer in joined))
    for _, peer in joined:
        peer.hang_up()
    async with asyncio.timeout(20):
        await drained

    assert set(codes) == {CloseCode.RESTARTING}
    assert [connection.ends for connection, _ in joined] == [1] * 7


async def test_draining_hangs_up_on_those_who_do_not_answer(quay, monkeypatch):
    monkeypatch.setattr(sockets, "DRAIN_S", 0.02)
    silent, full = quay.hearing(1)[0], Hearing()
    quay.join(full, buffer_bytes=4096)
    choke(full)

    await quay.sockets.drain()

    assert [(each.ends, each.fd) for each in (silent[0], full)] == [(1, -1)] * 2
    assert await silent[1].until_closed() == CloseCode.RESTARTING
    assert len(quay.sockets) == 0


async def test_draining_a_crowd_gives_the_loop_its_turn_between_slices(quay, monkeypatch):
    monkeypatch.setattr(sockets, "DRAIN_SLICE", 10)
    joined = quay.hearing(35)
    told: list[int] = []

    def count() -> None:
        told.append(sum(not connection.alive for connection, _ in joined))
        if told[-1] < len(joined):
            asyncio.get_running_loop().call_soon(count)

    drained = asyncio.ensure_future(quay.sockets.drain())
    asyncio.get_running_loop().call_soon(count)
    await until(lambda: told and told[-1] == len(joined))
    for peer in quay.peers:
        peer.hang_up()
    await drained

    assert set(told) == {10, 20, 30, 35}


async def test_who_comes_while_the_others_are_drained_is_told_to_come_back_too(quay, monkeypatch):
    monkeypatch.setattr(sockets, "DRAIN_S", 0.2)
    quay.hearing(1)
    drained = asyncio.ensure_future(quay.sockets.drain())
    await asyncio.sleep(0)

    newcomer = quay.join(Hearing())

    assert await newcomer.until_closed() == CloseCode.RESTARTING
    await drained


async def test_who_comes_when_all_is_closed_is_hung_up_on(quay):
    connection = Hearing()
    fd, peer = quay.pair()
    quay.sockets.close()

    with contextlib.suppress(ValueError):
        quay.sockets.adopt(fd, connection)
        await peer.until_closed()

    assert (connection.fd, len(quay.sockets)) == (-1, 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


async def test_a_connection_outlives_its_peer_no_longer_than_its_close_may_wait(quay, monkeypatch):
    monkeypatch.setattr(connections, "CLOSE_WAIT_S", 0.02)
    connection = Hearing()
    peer = quay.join(connection)

    await peer.send_raw(Peer._framed(b"", Opcode.CLOSE))
    await until(lambda: connection.fd < 0)

    assert connection.ends == 1
