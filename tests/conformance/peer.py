"""A websocket client that may say anything: RFC 6455 written down once more, without the code under test.

What it hears it checks: the server's frames are unmasked, in their shortest form and without reserved bits, and
nothing follows a close frame but the end of the stream.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

NO_CODE = 1005
"""The server closed without a code (RFC 6455 section 7.1.5)."""
DROPPED = 1006
"""The stream ended without a close frame."""

PATIENCE_S = 20.0
"""How long the server may say nothing before a test gives up: none of them waits for silence."""
MASK = b"\x37\xfa\x21\x3d"
_READ_BYTES = 1 << 18
_KEY = base64.b64encode(bytes(range(16))).decode()
_ANSWER_TO_KEY = base64.b64encode(
    hashlib.sha1((_KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
).decode()

Heard = tuple[int, bytes]
"""Opcode and payload of a frame of the server."""


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    size = len(payload)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(size, "little")


def shortest_form(length: int) -> int:
    """How many octets an extended payload length takes."""
    return 0 if length < 126 else 2 if length < 65_536 else 8


def header(
    opcode: int, length: int, *, final: bool = True, reserved: int = 0, octets: int | None = None, mask: bool = True
) -> bytes:
    """The beginning of a client frame, without its mask. ``octets``: those of its extended length, if not as few as
    do; ``reserved``: 0-7."""
    octets = shortest_form(length) if octets is None else octets
    second = {0: length, 2: 126, 8: 127}[octets] | (0x80 if mask else 0)
    return bytes((final << 7 | reserved << 4 | opcode, second)) + (length.to_bytes(octets, "big") if octets else b"")


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, octets: int | None = None
) -> bytes:
    start = header(opcode, len(payload), final=final, reserved=reserved, octets=octets)
    return start + MASK + masked(payload)


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, (b"" if code is None else code.to_bytes(2, "big")) + reason)


def fragments(opcode: int, payload: bytes, fragment_bytes: int) -> list[bytes]:
    """The frames of one message."""
    starts = range(0, len(payload), fragment_bytes)
    return [
        frame(
            CONTINUATION if start else opcode,
            payload[start : start + fragment_bytes],
            final=start + fragment_bytes >= len(payload),
        )
        for start in starts
    ]


def chopped(data: bytes, chop_bytes: int = 1) -> list[bytes]:
    return [data[start : start + chop_bytes] for start in range(0, len(data), chop_bytes)]


class Peer:
    """``heard`` is what came so far, close frame apart; ``closed_with`` its code once the stream has ended."""

    def __init__(self, port: int, path: str = "/", *, early: bytes = b"") -> None:
        """``early`` goes out in the same write as the handshake."""
        self.heard: list[Heard] = []
        self.closed_with: int | None = None
        self.closed_because = b""
        self._buffer = bytearray()
        self._close_heard = False
        self._sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._sock.sendall(request.encode() + early)
        while b"\r\n\r\n" not in self._buffer:
            data = self._sock.recv(_READ_BYTES)
            assert data, "the server hung up during the handshake"
            self._buffer += data
        answer, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        assert _ANSWER_TO_KEY.encode() in answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exc: object) -> None:
        self._sock.close()

    def write(self, data: bytes) -> None:
        """In one segment where it fits. A server that has hung up already is no error: what it said comes later."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._sock.sendall(data)

    def write_what_fits(self, data: bytes, *, wait_s: float) -> int:
        """How many bytes were taken before the server left them lying for so long."""
        view = memoryview(data)
        self._sock.settimeout(wait_s)
        sent = 0
        try:
            while sent < len(data):
                sent += self._sock.send(view[sent : sent + 65_536])
        except TimeoutError:
            pass
        finally:
            self._sock.settimeout(PATIENCE_S)
        return sent

    def wait_for(self, count: int) -> None:
        """Until so many frames have been heard in all, or the stream has ended."""
        while len(self.heard) < count and self.closed_with is None:
            self._read()

    def wait_for_end(self) -> None:
        while self.closed_with is None:
            self._read()

    def _read(self) -> None:
        try:
            data = self._sock.recv(_READ_BYTES)
        except ConnectionResetError:
            self.closed_with = DROPPED
            return
        if not data:
            assert not self._buffer, f"the stream ended within a frame: {bytes(self._buffer)!r}"
            if not self._close_heard:
                self.closed_with = DROPPED
            else:
                body = self.heard.pop()[1]
                assert len(body) != 1, "a close frame with half a code"
                self.closed_with = int.from_bytes(body[:2], "big") if body else NO_CODE
                self.closed_because = body[2:]
            return
        self._buffer += data
        while self._frame():
            pass

    def _frame(self) -> bool:
        """Take the next frame out of the buffer; False when it is not all there yet."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        assert not self._close_heard, "something follows the close frame"
        opcode, length, head = buffer[0] & 0x0F, buffer[1], 2
        assert buffer[0] & 0xF0 == 0x80, "the server fragments nothing and sets no reserved bit"
        assert length < 0x80, "the server masks nothing"
        if length > 125:
            head += 2 if length == 126 else 8
            if len(buffer) < head:
                return False
            length = int.from_bytes(buffer[2:head], "big")
            assert shortest_form(length) == head - 2
        if len(buffer) < head + length:
            return False
        assert opcode in (TEXT, BINARY) or (opcode in (CLOSE, PING, PONG) and length <= 125)
        self.heard.append((opcode, bytes(buffer[head : head + length])))
        del buffer[: head + length]
        self._close_heard = opcode == CLOSE
        return True
