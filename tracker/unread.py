"""Readers who stopped reading while the kernel still takes bytes for them.

A watcher's socket is full only when the kernel's buffers on both sides are: at two positions a second that takes a
minute or more, in which the reader costs memory and learns nothing. Whoever has bytes on the way and acknowledged none
of them for ``STUCK_S`` is as good as gone.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from fcntl import ioctl
from termios import TIOCOUTQ

from tracker.watchers import Watcher

STUCK_S = 9.5
"""Less than four looks take, which are 3 s apart and at times 1 (``tracker.hub``): so none waits for a fifth when one
comes a moment early."""

_NOTHING = bytes(4)
_TCP_INFO_BYTES = 128
_bytes_acked = struct.Struct("=Q")
_BYTES_ACKED_AT = 120
"""`tcpi_bytes_acked` in Linux' `struct tcp_info`, since 4.1."""


def acknowledged(fd: int) -> int | None:
    """Bytes that the peer of a TCP socket has acknowledged since the beginning, while others are on the way to it.

    None when nothing is on the way, and for a socket that is no TCP socket or none any more.
    """
    try:
        if ioctl(fd, TIOCOUTQ, _NOTHING) == _NOTHING:
            return None
        sock = socket.socket(fileno=fd)
        try:
            told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        finally:
            sock.detach()
    except OSError:
        return None
    return int(_bytes_acked.unpack_from(told, _BYTES_ACKED_AT)[0]) if len(told) == _TCP_INFO_BYTES else None


class Unread:
    """Who has bytes on the way, since when none of them was acknowledged."""

    def __init__(self) -> None:
        self._since: dict[Watcher, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._since)

    def look(self, watchers: Iterable[Watcher], now_s: float) -> list[Watcher]:
        """Look at some watchers; returns those who are stuck, and forgets them."""
        since = self._since
        stuck = []
        for watcher in watchers:
            acked = acknowledged(watcher.fd) if watcher.fd >= 0 else None
            if acked is None:
                if since:
                    since.pop(watcher, None)
                continue
            before = since.get(watcher)
            if before is None or before[0] != acked:
                since[watcher] = acked, now_s
            elif now_s - before[1] >= STUCK_S:
                del since[watcher]
                stuck.append(watcher)
        return stuck

    def forget(self, watcher: Watcher) -> None:
        if self._since:
            self._since.pop(watcher, None)
