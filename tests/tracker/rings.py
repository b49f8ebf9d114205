"""Rings and pairs of sockets to write to. Where there is no io_uring, what needs it is skipped and says why."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from tracker.ring import ENTRIES, WriteRing, open_ring


@contextlib.contextmanager
def a_ring(entries: int = ENTRIES) -> Iterator[WriteRing]:
    trial = open_ring()
    if trial is None:
        pytest.skip("no io_uring on this machine that keeps its word")
    trial.close()
    ring = WriteRing(entries)
    try:
        yield ring
    finally:
        ring.close()


class Pairs:
    """Connected sockets that do not wait: ours to write to, theirs to read from."""

    def __init__(self) -> None:
        self.ours: list[socket.socket] = []
        self.theirs: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [*self.ours, *self.theirs]:
            sock.close()

    def add(
        self,
        count: int,
        *,
        pair: Callable[[], tuple[socket.socket, socket.socket]] = socket.socketpair,
        buffer_bytes: int | None = None,
    ) -> list[int]:
        """Further pairs; the file descriptors of ours. ``buffer_bytes``: what the kernel may hold for a slow reader."""
        allow_files(2 * (len(self.ours) + count))
        for _ in range(count):
            ours, theirs = pair()
            self.ours.append(ours)
            self.theirs.append(theirs)
            for sock in (ours, theirs):
                sock.setblocking(False)
            if buffer_bytes is not None:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        return [sock.fileno() for sock in self.ours[-count:]]

    def read(self, index: int, at_most: int = 1 << 24) -> bytes:
        """What came and was not read yet."""
        received = bytearray()
        with contextlib.suppress(BlockingIOError):
            while len(received) < at_most and (data := self.theirs[index].recv(at_most - len(received))):
                received += data
        return bytes(received)


def allow_files(count: int) -> None:
    """So many more than a test run has open anyway."""
    wanted = count + 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"a process may have {hard} files open here, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
