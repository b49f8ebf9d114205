"""Writes by io_uring against writes one by one: both do the same, told in the same words."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import socket
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.tracker.rings import Pairs, a_ring
from tests.tracker.sockets import tcp_pair
from tracker import ring as ring_module
from tracker.hub import Hub
from tracker.ring import WriteRing, open_ring

RESET_AT_ONCE = b"\1\0\0\0\0\0\0\0"


class Writes(Protocol):
    def write_all(self, fds: Collection[int], data: bytes) -> list[tuple[int, int]]: ...
    def write_each(self, fds: Sequence[int], frames: Sequence[bytes]) -> list[tuple[int, int]]: ...


class ByHand:
    """A call for each socket: what a hub without a ring does."""

    def __init__(self) -> None:
        hub = Hub(now_ms=lambda: 0)
        self.write_all, self.write_each = hub._write_all, hub._write_each


class FurtherBytes(bytes):
    """May say of itself what is not true."""


@pytest.fixture
def ring() -> Iterator[WriteRing]:
    with a_ring() as ring:
        yield ring


@pytest.fixture(params=["ring", "by hand"])
def writes(request: pytest.FixtureRequest) -> Writes:
    return request.getfixturevalue("ring") if request.param == "ring" else ByHand()


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    with Pairs() as pairs:
        yield pairs


def open_files() -> int:
    """Of the kinds that a ring and its check open; other threads may open files."""
    links = []
    for entry in os.scandir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(entry.path))
    return sum("io_uring" in link or link.startswith("socket:") for link in links)


def mapped_rings() -> int:
    return Path("/proc/self/maps").read_text().count("[io_uring]")


# What arrives


def test_whole_frames_arrive_in_order(writes, pairs):
    fds = pairs.add(5)

    told = [writes.write_all(fds, b"first;")]
    told.append(writes.write_each(fds, [b"mine %d;" % each for each in range(5)]))
    told.append(writes.write_each(fds[::-1], [b"x" * each for each in (1, 200, 3000, 4, 5)]))
    told.append(writes.write_all(fds[1:4], b"last"))

    assert told == [[], [], [], []]
    lengths = (5, 4, 3000, 200, 1)
    assert [pairs.read(each) for each in range(5)] == [
        b"first;mine %d;" % each + b"x" * lengths[each] + (b"last" if 1 <= each < 4 else b"") for each in range(5)
    ]


def test_thousands_of_sockets_go_round_the_table(writes, pairs):
    fds = pairs.add(1300)
    assert writes.write_all(fds[:37], b"") == []
    for each in range(0, 1300, 100):
        pairs.theirs[each].close()

    told_all = [writes.write_all(fds, b"%d" % turn) for turn in range(2)]
    told_each = writes.write_each(fds, [b" to %d" % each for each in range(1300)])

    closed = range(0, 1300, 100)
    assert told_all == [[(fds[each], -1) for each in closed]] * 2
    assert told_each == [(each, -1) for each in closed]
    assert all(pairs.read(each) == b"01 to %d" % each for each in range(1300) if each not in closed)


@pytest.mark.parametrize("pair", [socket.socketpair, tcp_pair])
def test_a_socket_takes_a_part_and_then_nothing_and_the_rest_follows_intact(writes, pairs, pair):
    fds = pairs.add(6, pair=pair, buffer_bytes=1 << 15)
    large = os.urandom(1 << 19)

    told = dict(writes.write_each(fds, [b"small", large, b"small", b"small", b"small", b"small"]))
    assert set(told) == {1}
    sent, taken = 0, told[1]
    assert 0 < taken < len(large)
    got = b""
    # What a TCP socket took goes on to the other side's, so there may be room again.
    while taken:
        sent += taken
        taken = writes.write_each(fds[:4], [b"?", large[sent:], b"?", b"?"])[0][1]
        assert pairs.read(0)[-1:] == pairs.read(2)[-1:] == pairs.read(3)[-1:] == b"?"
    while len(got) < len(large):
        got += pairs.read(1)
        if sent < len(large):
            sent += dict(writes.write_all([fds[1]], large[sent:])).get(fds[1], len(large) - sent)

    assert got == large
    assert pairs.read(4) == pairs.read(5) == b"small"


def test_both_ways_a_socket_takes_as_much(ring, pairs):
    fds = pairs.add(8, buffer_bytes=4096)
    by_hand = ByHand()
    sizes = [100, 5000, 9000, 1 << 16]

    for size in sizes:
        ringed = ring.write_each(fds[:4], [b"x" * size for _ in range(4)])
        assert ringed == by_hand.write_each(fds[4:], [b"x" * size for _ in range(4)])

    assert [len(pairs.read(each)) for each in range(4)] == [len(pairs.read(each)) for each in range(4, 8)]


def test_a_closed_peer_a_reset_one_and_a_bad_descriptor_do_not_harm_the_others(writes, pairs):
    fds = pairs.add(6)
    fds += pairs.add(2, pair=tcp_pair)
    pairs.theirs[1].close()
    pairs.theirs[6].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
    pairs.theirs[6].close()
    closed = os.dup(fds[0])
    os.close(closed)
    fds[3], fds[4] = -1, closed

    told = writes.write_each(fds, [b"to %d" % each for each in range(8)])
    told_all = writes.write_all(fds, b"!")

    assert told == [(1, -1), (3, -1), (4, -1), (6, -1)]
    assert told_all == [(fds[index], taken) for index, taken in told]
    assert [pairs.read(each) for each in (0, 2, 5, 7)] == [b"to %d!" % each for each in (0, 2, 5, 7)]


def test_nothing_to_write_and_nobody_to_write_to(writes, pairs):
    fds = pairs.add(4)

    assert writes.write_all([], b"frame") == writes.write_each([], []) == []
    assert writes.write_all(fds, b"") == writes.write_each(fds, [b"", b"x", b"", b""]) == []
    assert [pairs.read(each) for each in range(4)] == [b"", b"x", b"", b""]


# What may not get in


@pytest.mark.parametrize("data", [bytearray(b"frame"), memoryview(b"frame"), FurtherBytes(b"frame"), "frame"])
def test_only_bytes_are_written(ring, pairs, data):
    fds = pairs.add(4)

    with pytest.raises(TypeError):
        ring.write_all(fds, data)
    with pytest.raises(TypeError):
        ring.write_each(fds, [b"frame", b"frame", data, b"frame"])

    assert [pairs.read(each) for each in range(4)] == [b""] * 4


def test_what_does_not_fit_the_table_is_refused_before_anything_is_written(ring, pairs):
    fds = pairs.add(4)

    with pytest.raises(ValueError):  # noqa: PT011 - the memory's own words
        ring.write_each(fds, [b"too", b"few"])
    with pytest.raises(OverflowError):
        ring.write_all([*fds, 1 << 31], b"frame")

    assert ring.write_all(fds, b"whole") == []
    assert [pairs.read(each) for each in range(4)] == [b"whole"] * 4


# A system that is short of something


class ShortKernel:
    """Carries out so many lines at each call, or fails with such an error, one after the other; then as ever."""

    def __init__(self, *answers: int | str) -> None:
        self._answers = list(answers)
        self._syscall = ring_module._syscall

    def __call__(self, number: int, fd: int, count: int, *others: object) -> int:
        if self._answers:
            answer = self._answers.pop(0)
            if isinstance(answer, str):
                ctypes.set_errno(getattr(errno, answer))
                return -1
            count = min(count, answer)
        done: int = self._syscall(number, fd, count, *others)
        return done


@pytest.mark.parametrize(
    ("answers", "carried_out"),
    [
        ((3, 1, 2), 10),
        (("EINTR", 4, "EINTR"), 10),
        ((3, "EAGAIN"), 3),
        ((3, 2, "EBUSY"), 5),
        ((6, 0), 6),
        (("EAGAIN",), 0),
        (("EPERM",), 0),
    ],
)
def test_what_the_system_does_not_come_to_is_written_by_hand(ring, pairs, monkeypatch, answers, carried_out):
    fds = pairs.add(10, buffer_bytes=4096)
    for each in (1, 5, 8):
        pairs.theirs[each].close()
    frames = [b"x" * 100_000 if each in (2, 7) else b"to %d;" % each for each in range(10)]
    before = ring.writes

    monkeypatch.setattr(ring_module, "_syscall", ShortKernel(*answers))
    told = dict(ring.write_each(fds, frames))
    written = ring.writes - before
    monkeypatch.setattr(ring_module, "_syscall", ShortKernel(*answers))
    told_all = dict(ring.write_all(fds, b"all;"))
    # What was not carried out then is not carried out now.
    ring.write_all(fds[:3], b"further")

    assert set(told) == {1, 2, 5, 7, 8}
    assert (written, ring.writes - before) == (carried_out, 2 * carried_out + 3)
    assert [told[each] for each in (1, 5, 8)] == [-1, -1, -1]
    assert 0 < told[2] == told[7] < 100_000
    assert told_all == {fds[1]: -1, fds[2]: 0, fds[5]: -1, fds[7]: 0, fds[8]: -1}
    assert [pairs.read(each) for each in (0, 3, 4, 6, 9)] == [
        b"to %d;all;" % each + (b"further" if each < 3 else b"") for each in (0, 3, 4, 6, 9)
    ]
    assert len(pairs.read(2)) == len(pairs.read(7)) == told[2]


def test_a_table_that_was_laid_down_and_never_carried_out_is_not_carried_out_later(ring, pairs, monkeypatch):
    fds = pairs.add(6)

    def interrupted(*arguments: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ring_module, "_syscall", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ring.write_all(fds, b"never")

    assert ring.write_all(fds[:4], b"now") == []
    assert [pairs.read(each) for each in range(6)] == [b"now"] * 4 + [b""] * 2


class CountingKernel:
    """Does with the table what the kernel does, from counters that begin anew in a moment: those of the kernel itself
    would take four thousand million writes to come there."""

    def __init__(self, ring: WriteRing, before: int) -> None:
        self._ring = ring
        for word in (ring._head, ring._tail, ring._answer_head, ring._answer_tail):
            ring._words[word] = 2**32 - before

    def __call__(self, number: int, fd: int, count: int, *others: object) -> int:
        ring, words = self._ring, self._ring._words
        for _ in range(count):
            line = words[ring._head] & ring._mask
            assert words[ring._head] != words[ring._tail]
            words[ring._head] = (words[ring._head] + 1) % 2**32
            data = ctypes.string_at(ring._addresses[line], ring._sizes[line])
            try:
                result = os.write(ring._sockets[line], data)
            except OSError as error:
                result = -error.errno
            if result != len(data):
                at = ring._answers_at + 16 * (words[ring._answer_tail] & ring._answer_mask)
                ring_module.ANSWER.pack_into(ring._queues, at, line, result, 0)
                words[ring._answer_tail] = (words[ring._answer_tail] + 1) % 2**32
        return count


@pytest.mark.parametrize("before", [1, 5, 8, 20])
def test_counters_that_begin_anew_lose_nothing(pairs, monkeypatch, before):
    with a_ring(entries=8) as ring:
        fds = pairs.add(13)
        for each in (0, 6, 12):
            pairs.theirs[each].close()
        monkeypatch.setattr(ring_module, "_syscall", CountingKernel(ring, before))

        for turn in range(4):
            told = ring.write_each(fds, [b"%d to %d;" % (turn, each) for each in range(13)])
            assert told == [(0, -1), (6, -1), (12, -1)]

        for each in (1, 5, 7, 11):
            assert pairs.read(each) == b"".join(b"%d to %d;" % (turn, each) for turn in range(4))


# Opening and closing


def test_where_the_kernel_has_a_ring_that_keeps_its_word_it_is_used(ring):
    # Until 6.0 a part of a write may be forgotten.
    version = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if version < (6, 1):
        pytest.skip(f"Linux {platform.release()} may not keep its word about a part of a write")

    opened = open_ring()

    assert opened is not None
    opened.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("SETUP", 100_000, id="no such call"),
        pytest.param("ENTER", 100_000, id="a ring, but no way into it"),
        pytest.param("NEEDED_FEATURES", 1 << 31, id="an older kernel"),
        pytest.param("SUBMIT_ALL", 1 << 31, id="a flag it does not know"),
        pytest.param("LINES_AT", 0x20000000, id="no memory for the table"),
        pytest.param("SEND", 255, id="no such operation"),
        pytest.param("SKIP_SUCCESS", 0, id="an answer for each"),
        pytest.param("FLAGS", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, id="a part counts as all"),
        pytest.param("BYTES_AT", bytes.__basicsize__, id="bytes that lie elsewhere"),
    ],
)
def test_a_ring_that_the_system_refuses_or_that_does_something_else_is_none(monkeypatch, name, value):
    files, rings = open_files(), mapped_rings()
    monkeypatch.setattr(ring_module, name, value)

    assert open_ring() is None
    assert (open_files(), mapped_rings()) == (files, rings)


def test_the_ring_is_found_however_much_the_sockets_of_this_machine_hold(ring, monkeypatch):
    def roomy() -> tuple[socket.socket, socket.socket]:
        pair = make()
        for sock in pair:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
        return pair

    make: Callable[[], tuple[socket.socket, socket.socket]] = socket.socketpair
    monkeypatch.setattr(ring_module.socket, "socketpair", roomy)

    opened = open_ring()

    assert opened is not None
    opened.close()


def test_a_closed_ring_gives_everything_back_and_writes_by_hand(pairs):
    files, rings = open_files(), mapped_rings()
    with a_ring() as ring:
        assert (open_files(), mapped_rings()) == (files + 3, rings + 2)
        ring.close()
        ring.close()
        assert (open_files(), mapped_rings()) == (files, rings)

        fds = pairs.add(4)
        pairs.theirs[2].close()
        assert ring.write_all(fds, b"one;") == [(fds[2], -1)]
        assert ring.write_each(fds, [b"two"] * 4) == [(2, -1)]
        assert [pairs.read(each) for each in (0, 1, 3)] == [b"one;two"] * 3


def test_no_other_program_inherits_the_ring(ring):
    files = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True, check=True)

    assert "->" in files.stdout
    assert "io_uring" not in files.stdout
