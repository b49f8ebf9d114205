"""Writes to many sockets by one call of the system (Linux's io_uring), where it is to be had.

A call for each socket is a good part of what telling a crowd costs: the way into the kernel and back, and Python's way
to the call. Here a turn's writes are laid into a table that the kernel reads, and one call carries all of them out, in
order, before it returns. So everything is as with ``os.write``, and nothing is ever left behind in the kernel.

The table's lines keep what never changes; three strided copies fill in sockets, addresses and sizes, whatever their
number. Layouts: io_uring(7), io_uring_setup(2), io_uring_enter(2).
"""

from __future__ import annotations

import ctypes
import errno
import logging
import mmap
import os
import socket
import struct
import sys
from array import array
from collections.abc import Collection, Sequence
from itertools import repeat
from operator import add

ENTRIES = 512
CHECK_BYTES, CHECK_BUFFER_BYTES = 1 << 16, 1 << 12

SETUP, ENTER = 425, 426  # the same numbers on every architecture but alpha and mips, where the check finds out
SUBMIT_ALL = 1 << 7
NEEDED_FEATURES = 1 << 0 | 1 << 1 | 1 << 11  # one mapping for both queues, nothing dropped, no word about a success
SEND = 26
SKIP_SUCCESS = 1 << 6
# Not to wait; to count a part as a failure, which is what is told; no signal for a closed socket.
FLAGS = socket.MSG_DONTWAIT | socket.MSG_WAITALL | socket.MSG_NOSIGNAL
LINES_AT = 0x10000000
LINE = struct.Struct("<BBHiQQIIQ3Q")
ANSWER = struct.Struct("<QiI")
# Where a bytes object of CPython has its bytes; looked at before it is relied upon.
BYTES_AT = bytes.__basicsize__ - 1

_BYTES = frozenset({bytes})

log = logging.getLogger("enroute.sockets")

# The interpreter is kept meanwhile: a table takes some hundred microseconds, and to be without it for so short a time
# costs more than it gives to others.
_syscall = ctypes.PyDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


class WriteRing:
    """Not thread-safe. ``calls`` counts tables, ``writes`` what the system carried out of them. Raises OSError when the
    system has no such thing or keeps it. After ``close``, and where the system does not do it, writes go one by one."""

    def __init__(self, entries: int = ENTRIES) -> None:
        parameters = ctypes.create_string_buffer(struct.pack("<3I", 0, 0, SUBMIT_ALL), 120)
        self._fd = _syscall(SETUP, entries, parameters)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            count, answers, _, _, _, features, _ = struct.unpack_from("<7I", parameters)
            if features & NEEDED_FEATURES != NEEDED_FEATURES:
                raise OSError(errno.EOPNOTSUPP, "io_uring of an older kind")
            head, tail, _, _, _, _, order, _ = struct.unpack_from("<8I", parameters, 40)
            answer_head, answer_tail, _, _, _, answers_at, _, _ = struct.unpack_from("<8I", parameters, 80)
            size = max(order + 4 * count, answers_at + ANSWER.size * answers)
            self._queues = mmap.mmap(self._fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
            self._lines = lines = mmap.mmap(
                self._fd, LINE.size * count, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, offset=LINES_AT
            )
        except BaseException:
            os.close(self._fd)
            raise
        self.entries = count
        self.calls = self.writes = 0
        self._mask, self._answer_mask, self._answers_at = count - 1, answers - 1, answers_at
        self._words = memoryview(self._queues)[: size // 4 * 4].cast("I")
        self._head, self._tail = head // 4, tail // 4
        self._answer_head, self._answer_tail = answer_head // 4, answer_tail // 4
        for index in range(count):
            self._words[order // 4 + index] = index
            LINE.pack_into(lines, index * LINE.size, SEND, SKIP_SUCCESS, 0, -1, 0, 0, 0, FLAGS, index, 0, 0, 0)
        # A line has 64 bytes: its socket is the second, its size the seventh number of four bytes, its address the
        # third of eight.
        self._sockets = memoryview(lines).cast("i")[1::16]
        self._addresses = memoryview(lines).cast("Q")[2::8]
        self._sizes = memoryview(lines).cast("I")[6::16]

    def write_all(self, fds: Collection[int], data: bytes) -> list[tuple[int, int]]:
        """The same bytes to every socket, none of which occurs twice; those that did not take all: (fd, bytes taken;
        -1 for a broken socket)."""
        if type(data) is not bytes:
            raise TypeError(f"bytes are written, not {type(data).__name__}")
        sockets = array("i", fds)
        count = len(sockets)
        addresses, sizes = array("Q", (id(data) + BYTES_AT,)) * count, array("I", (len(data),)) * count
        short, left = self._write(sockets, addresses, sizes)
        told = [(sockets[index], taken) for index, taken in short]
        if left:
            told += [
                (sockets[index], taken) for index in left if (taken := _write_one(sockets[index], data)) < len(data)
            ]
        return told

    def write_each(self, fds: Sequence[int], frames: Sequence[bytes]) -> list[tuple[int, int]]:
        """To each socket, none of which occurs twice, its own bytes; those that did not take all: (index, bytes taken;
        -1 for a broken socket)."""
        # Of anything else the kernel would read what lies where bytes would have theirs.
        if set(map(type, frames)) - _BYTES:
            raise TypeError("bytes are written, nothing else")
        addresses = array("Q", list(map(add, map(id, frames), repeat(BYTES_AT))))
        short, left = self._write(array("i", fds), addresses, array("I", map(len, frames)))
        for index in left:
            taken = _write_one(fds[index], frames[index])
            if taken < len(frames[index]):
                short.append((index, taken))
        return short

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            for view in (self._words, self._sockets, self._addresses, self._sizes):
                view.release()
            # Each has a file descriptor of its own, which keeps the kernel's part.
            self._queues.close()
            self._lines.close()

    def _write(
        self, sockets: array[int], addresses: array[int], sizes: array[int]
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """What was not written whole (index, bytes taken), and what the system did not come to."""
        short: list[tuple[int, int]] = []
        left: list[int] = []
        count, entries, first = len(sockets), self.entries, 0
        if self._fd < 0:
            return short, list(range(count))
        while first < count:
            tail = self._words[self._head] & self._mask
            # To the end of the table at most; the rest of a crowd goes round it.
            until = min(count, first + entries - tail)
            part, lines = slice(first, until), slice(tail, tail + until - first)
            self._sockets[lines] = sockets[part]
            self._addresses[lines] = addresses[part]
            self._sizes[lines] = sizes[part]
            sent = self._submit(until - first)
            for line, result in self._answered():
                short.append((first + line - tail, 0 if result == -errno.EAGAIN else max(result, -1)))
            left.extend(range(first + sent, until))
            first = until
        return short, left

    def _submit(self, count: int) -> int:
        """How many of the next lines were carried out: all, unless the system is short of something."""
        words = self._words
        # From where the kernel is, not from where the last table ended: what it did not come to is not for now.
        words[self._tail] = (words[self._head] + count) & 0xFFFFFFFF
        self.calls += 1
        sent = 0
        while sent < count:
            done: int = _syscall(ENTER, self._fd, count - sent, 0, 0, None, 0)
            if done > 0:
                sent += done
            elif done == 0 or ctypes.get_errno() != errno.EINTR:
                break
        self.writes += sent
        return sent

    def _answered(self) -> list[tuple[int, int]]:
        """What failed: (line, result)."""
        words, answered = self._words, []
        head, tail = words[self._answer_head], words[self._answer_tail]
        while head != tail:
            at = self._answers_at + ANSWER.size * (head & self._answer_mask)
            line, result, _ = ANSWER.unpack_from(self._queues, at)
            answered.append((line, result))
            head = (head + 1) & 0xFFFFFFFF
        words[self._answer_head] = head
        return answered


def _write_one(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except OSError:
        return -1


def open_ring() -> WriteRing | None:
    """A ring that was seen to do what it should, or None where the system has none; the log says why."""
    if sys.platform != "linux" or sys.implementation.name != "cpython" or sys.byteorder != "little":
        return None
    try:
        ring = WriteRing()
    except (OSError, ValueError) as error:
        log.info("sockets are written to one by one, for io_uring is not to be had: %s", error)
        return None
    try:
        if _does_what_it_should(ring):
            log.info("many sockets are written to by one call (io_uring)")
            return ring
        log.info("sockets are written to one by one, for io_uring does not do what it should")
    except OSError as error:
        log.info("sockets are written to one by one, for io_uring failed: %s", error)
    ring.close()
    return None


def _does_what_it_should(ring: WriteRing) -> bool:
    """Whole writes, writes of a part, to a full socket, to a closed one; all of them by the system, none by hand."""
    ours, theirs = socket.socketpair()
    full, reader = socket.socketpair()
    with ours, theirs, full, reader:
        for each in (ours, theirs, full, reader):
            each.setblocking(False)
        # Whatever the machine's sockets hold by default.
        full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHECK_BUFFER_BYTES)
        frames = [b"one frame", b"and another" * 3]
        if ring.write_each([ours.fileno(), theirs.fileno()], frames):
            return False
        if [theirs.recv(100), ours.recv(100)] != frames:
            return False
        large = bytes(range(256)) * (CHECK_BYTES // 256)
        partly = ring.write_all([full.fileno()], large)
        if (
            not partly
            or not 0 < partly[0][1] < len(large)
            or ring.write_all([full.fileno()], b"x") != [(full.fileno(), 0)]
        ):
            return False
        received = b""
        while len(received) < partly[0][1]:
            received += reader.recv(CHECK_BYTES)
        theirs.close()
        broken = ring.write_all([ours.fileno()], b"x")
        return (
            large.startswith(received)
            and len(received) == partly[0][1]
            and broken == [(ours.fileno(), -1)]
            and ring.writes == 5
        )
