"""Both ends of a real socket: the server's protocol on one, a plain client of RFC 6455 on the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import msgspec
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from tracker.connections import Connection
from tracker.sockets import Sockets, Turn

SOON_S = 20.0
_open: list[tuple[Connection, Peer]] = []
_sockets: dict[asyncio.AbstractEventLoop, Sockets] = {}


class Peer:
    """The client. ``receive`` gives the next message, ``close_code`` what the server closed with."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self._loop = loop
        self._sock = sock
        self._reader = StreamReader()
        self._frames: list[Frame] = []
        self._parser = self._parse()
        next(self._parser)
        self.closed_with: int | None = None

    async def send(self, *payloads: bytes | str | Any, opcode: Opcode | None = None) -> None:
        """All messages in one write, so that they arrive in one read. Structs are sent as JSON."""
        await self.send_raw(b"".join(self._framed(payload, opcode) for payload in payloads))

    async def send_raw(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def receive(self) -> Any:
        """The next text message, decoded; None when the connection is over."""
        while True:
            frame = await self.receive_frame()
            if frame is None:
                return None
            if frame.opcode is Opcode.CLOSE:
                continue
            return msgspec.json.decode(frame.data)

    async def receive_frame(self) -> Frame | None:
        async with asyncio.timeout(SOON_S):
            while not self._frames:
                try:
                    data = await self._loop.sock_recv(self._sock, 65_536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._reader.feed_data(data)
                next(self._parser)
        frame = self._frames.pop(0)
        if frame.opcode is Opcode.CLOSE:
            self.closed_with = Close.parse(frame.data).code
        return frame

    async def until_closed(self) -> int | None:
        """Read to the end, answering a close; its code, or None when the socket just ended."""
        while (frame := await self.receive_frame()) is not None:
            if frame.opcode is Opcode.CLOSE:
                with contextlib.suppress(OSError):
                    await self.close(self.closed_with or 1000)
        return self.closed_with

    async def close(self, code: int = 1000) -> None:
        await self.send_raw(Frame(Opcode.CLOSE, Close(code, "").serialize()).serialize(mask=True))

    def hang_up(self) -> None:
        self._sock.close()

    def _parse(self) -> Any:
        while True:
            frame = yield from Frame.parse(self._reader.read_exact, mask=False, max_size=1 << 20)
            self._frames.append(frame)

    @staticmethod
    def _framed(payload: Any, opcode: Opcode | None) -> bytes:
        if isinstance(payload, str):
            payload = payload.encode()
        elif not isinstance(payload, bytes):
            payload = msgspec.json.encode(payload)
        return Frame(opcode or Opcode.TEXT, payload).serialize(mask=True)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    return ours, theirs


async def connect(connection: Connection, *, buffer_bytes: int | None = None, tcp: bool = False) -> Peer:
    """Hand a real socket over to the connection. ``buffer_bytes``: what the kernel may hold for a slow reader."""
    loop = asyncio.get_running_loop()
    ours, theirs = tcp_pair() if tcp else socket.socketpair()
    if buffer_bytes is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    for sock in (ours, theirs):
        sock.setblocking(False)
    sockets_of(loop, getattr(connection, "_node", None) or getattr(connection, "_hub", None)).adopt(
        ours.detach(), connection
    )
    peer = Peer(loop, theirs)
    _open.append((connection, peer))
    return peer


def sockets_of(loop: asyncio.AbstractEventLoop, turn: Turn | None) -> Sockets:
    """The sockets of a test's event loop."""
    found = _sockets.get(loop)
    if found is None:
        found = _sockets[loop] = Sockets(turn=turn)
    return found


async def close_all() -> None:
    """Hang up on both sides of every socket that was connected since the last call."""
    while _open:
        connection, peer = _open.pop()
        peer.hang_up()
        connection.abort()
    while _sockets:
        _sockets.popitem()[1].close()


async def until(condition: Any) -> None:
    """Wait until something the event loop is about to do has happened."""
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.001)
