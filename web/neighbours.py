"""The workers beside this one, and with which of them a connection belongs.

A phone in one worker and who watches it in another would have every update go through Redis, though both run on one
machine. So whoever connects is passed on, by the open socket itself, to the worker where that technician is at home,
and is heard there from the beginning: their rights, too. It spares work and nothing else: where it cannot be done, the
connection stays where it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import struct
import sys
import termios
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from tracker.bus.ownership import chosen
from web.upgrade import PASS_ON, UpgradeRequest

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from tracker.bus.shared import SharedBus

WATCHERS_AN_HOUR: Final = 32
"""So many watchers of one technician join the phone; a crowd is better spread over all workers."""
LARGEST: Final = 65_536
LINE_BYTES: Final = 212_992
"""What may lie in a line unread, as the kernel counts, which doubles it: some two hundred, when all come back."""
HANGS_S: Final = 1.0
"""Who has read nothing of what lies before it for so long is held up, and is given nothing more."""
AGAIN_S: Final = 1.0
"""So long after a process could not be reached it is tried again: it may only be starting, or full."""
WAITING: Final = 64
BATCH: Final = 16
"""Connections taken before the loop gets its turn, as by an acceptor."""
_CREDENTIALS: Final = struct.Struct("3i")
_ONE_DESCRIPTOR: Final = socket.CMSG_SPACE(4)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(UpgradeRequest).decode

log = logging.getLogger("enroute.http")


def home_of(technician_id: str, workers: Iterable[int]) -> int:
    """[pure] With which of these workers, by their numbers, the phone of this technician and its watchers belong: the
    same one whoever asks, for as long as that one serves."""
    return int(chosen(map(str, workers), technician_id))


class Full(Exception):
    """This process takes no more connections for now."""


class _Line:
    """To one process: connected or not, which worker it is, and when it last read of what is sent. ``unread`` is what
    it had before it when we last sent, and only we send."""

    __slots__ = ("again_s", "number", "read_s", "socket", "unread")

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.number = 0
        self.again_s = 0.0
        self.read_s = 0.0
        self.unread = 0

    def close(self, *, again_s: float) -> None:
        self.again_s = again_s
        self.unread = 0
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Neighbours:
    """``family`` is what only the workers of one supervisor have in common, ``number`` of ``count`` which of them this
    is: its successor's, too. From ``start`` on they may pass connections on to this one, which are given to
    ``on_passed``. Linux only."""

    def __init__(self, family: str, bus: SharedBus, *, number: int, count: int) -> None:
        self.passed_on = 0
        self.taken_in = 0
        self._family = family
        self._number = number
        self._count = count
        self._bus = bus
        self._lines: dict[str, _Line] = {}
        self._heard: set[socket.socket] = set()
        self._watchers: Counter[str] = Counter()
        self._hour = 0
        self._is_closed = False
        self._listener: socket.socket | None = None

    def start(self, on_passed: Callable[[UpgradeRequest, socket.socket], None]) -> None:
        """``on_passed`` has the socket for its own, also if it raises ``Full``: then the others keep theirs a while."""
        self._on_passed = on_passed
        self._loop = asyncio.get_running_loop()
        # A name without a file: it ends with the process, however that ends.
        self._listener = _socket()
        self._listener.bind(self._address(self._number, self._bus.node_id))
        self._listener.listen(WAITING)
        self._loop.add_reader(self._listener.fileno(), self._meet)

    def close(self) -> None:
        """Pass nothing on and take nothing more in; what was passed on until now is taken."""
        self._is_closed = True
        for line in self._lines.values():
            line.close(again_s=0.0)
        self._lines.clear()
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._meet_at(listener)
        self._loop.remove_reader(listener.fileno())
        listener.close()
        for heard in tuple(self._heard):
            # What was sent stays readable, and nothing comes after it.
            with contextlib.suppress(OSError):
                heard.shutdown(socket.SHUT_RD)
            while self._read(heard):
                pass
            self._hang_up(heard)

    def pass_on(self, websocket: WebSocket, technician_id: str, *, is_phone: bool = False) -> bool:
        """Give a websocket that was not accepted yet to the worker where it belongs; False if it stays here."""
        give = websocket.scope["extensions"].get(PASS_ON)
        now_s = time.monotonic()
        beside = self._beside(now_s) if give is not None and not self._is_closed else {}
        line = self._line_home(technician_id, beside, is_phone=is_phone) if beside else None
        if line is None or not (is_phone or self._is_one_of_few(technician_id, now_s)):
            return False
        if not give(lambda request, sock: self._send(line, request, sock, now_s)):
            return False
        self.passed_on += 1
        return True

    def _line_home(self, technician_id: str, beside: Mapping[int, _Line], *, is_phone: bool) -> _Line | None:
        """None: it belongs here."""
        if is_phone:
            if not self._bus.connected:
                # Nobody can take a technician over now.
                return self._lines.get(self._bus.owner_of(technician_id) or "")
        elif self._bus.has_phone(technician_id):
            # It came while the worker where it belongs was away.
            return None
        # None for this one's own number.
        return beside.get(home_of(technician_id, (self._number, *beside)))

    def _is_one_of_few(self, technician_id: str, now_s: float) -> bool:
        hour = int(now_s // 3600)
        if hour != self._hour:
            self._hour = hour
            self._watchers.clear()
        self._watchers[technician_id] += 1
        return self._watchers[technician_id] <= WATCHERS_AN_HOUR

    def _beside(self, now_s: float) -> dict[int, _Line]:
        """The other workers by number. One that is being replaced by another goes without its successor."""
        peers = self._bus.peers
        for node_id in self._lines.keys() - peers:
            self._lines.pop(node_id).close(again_s=0.0)
        beside = {}
        for node_id in peers:
            line = self._lines.get(node_id)
            if line is None:
                line = self._lines[node_id] = _Line()
            if line.socket is None and now_s >= line.again_s:
                self._connect(line, node_id, now_s)
            if line.socket is not None and line.number != self._number:
                beside[line.number] = line
        return beside

    def _connect(self, line: _Line, node_id: str, now_s: float) -> None:
        """In vain to a process of another family, or of another machine."""
        line.again_s = now_s + AGAIN_S
        for number in range(1, self._count + 1):
            try:
                line.socket = _socket()
                line.number = number
                line.socket.connect(self._address(number, node_id))
                line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LINE_BYTES)
                if not _is_ours(line.socket):
                    raise PermissionError("somebody else's")
            except OSError:
                line.close(again_s=now_s + AGAIN_S)
            else:
                return

    def _send(self, line: _Line, request: UpgradeRequest, sock: socket.socket, now_s: float) -> bool:
        data = _encode(request)
        if line.socket is None or len(data) > LARGEST:
            return False
        try:
            unread = _unread(line.socket)
            if unread == 0 or unread < line.unread:
                line.read_s = now_s
            elif now_s - line.read_s > HANGS_S:
                return False
            socket.send_fds(line.socket, [data], [sock.fileno()])
            line.unread = _unread(line.socket)
        except BlockingIOError:
            return False
        except OSError:
            line.close(again_s=now_s + AGAIN_S)
            return False
        return True

    # The other end

    def _meet(self) -> None:
        if self._listener is not None:
            self._meet_at(self._listener)

    def _meet_at(self, listener: socket.socket) -> None:
        for _ in range(WAITING):
            try:
                line, _address = listener.accept()
            except OSError:
                return
            if not _is_ours(line):
                line.close()
                continue
            line.setblocking(False)
            self._heard.add(line)
            self._loop.add_reader(line.fileno(), self._hear, line)

    def _hear(self, line: socket.socket) -> None:
        for _ in range(BATCH):
            if not self._read(line):
                return

    def _read(self, line: socket.socket) -> bool:
        """Take one connection; False when no more are there."""
        try:
            # `socket.recv_fds` would let every child of this process have the socket, too.
            data, attached, _, _ = line.recvmsg(LARGEST, _ONE_DESCRIPTOR, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except OSError:
            data, attached = b"", []
        if not data:
            self._hang_up(line)
            return False
        if not attached:
            log.error("a connection that another worker passed on has not arrived")
        for _, _, descriptor in attached:
            self._take(data, int.from_bytes(descriptor[:4], sys.byteorder))
        return line in self._heard

    def _take(self, data: bytes, descriptor: int) -> None:
        sock = None
        try:
            sock = socket.socket(fileno=descriptor)
            sock.setblocking(False)
            self._on_passed(_decode(data), sock)
        except Full:
            for line in tuple(self._heard):
                self._hang_up(line)
        except Exception:
            log.exception("a connection that another worker passed on could not be taken")
            if sock is None:
                os.close(descriptor)
            else:
                sock.close()
        else:
            self.taken_in += 1

    def _hang_up(self, line: socket.socket) -> None:
        if line in self._heard:
            self._heard.discard(line)
            self._loop.remove_reader(line.fileno())
            line.close()

    def _address(self, number: int, node_id: str) -> bytes:
        # With the number of the format: a rolling restart may bring another one.
        return f"\0enroute-1-{self._family}-{number}-{node_id}".encode()


def _socket() -> socket.socket:
    """Whole messages, and an end that is noticed."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.setblocking(False)
    return made


def _unread(line: socket.socket) -> int:
    """Bytes that the other end has not taken yet."""
    told = bytearray(4)
    fcntl.ioctl(line, termios.TIOCOUTQ, told)
    return int.from_bytes(told, sys.byteorder)


def _is_ours(line: socket.socket) -> bool:
    """Anybody on the machine may take a name or knock; only processes of our own user are talked to."""
    with contextlib.suppress(OSError):
        credentials = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return bool(_CREDENTIALS.unpack(credentials)[1] == os.geteuid())
    return False
