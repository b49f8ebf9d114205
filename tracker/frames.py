"""WebSocket frames (RFC 6455): build a server frame once, parse client bytes.

Server frames are unmasked and never compressed, so one immutable ``bytes`` serves every watcher. The parser
takes whatever one read brought and gives the complete messages in it; control frames may interleave fragments.
"""

from __future__ import annotations

from struct import unpack_from

from websockets.frames import EXTERNAL_CLOSE_CODES
from websockets.speedups import apply_mask

from tracker.errors import CloseCode, FrameError

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0

MAX_MESSAGE_BYTES = 65_536
MAX_FRAGMENTS = 64
"""More fragments than this in one message of 64 KiB is an attack on memory, not a phone."""


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One unfragmented server frame."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 65_536:
        return bytes((0x80 | opcode, 126, length >> 8, length & 0xFF)) + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; the reason is cut to what fits into a control frame."""
    body = code.to_bytes(2, "big") + reason.encode()[:123].decode(errors="ignore").encode()
    return bytes((0x80 | CLOSE, len(body))) + body


def parse_close(payload: bytes) -> int | None:
    """The code of a received close frame, None when it had none. Raises ``FrameError`` when malformed."""
    if not payload:
        return None
    if len(payload) == 1:
        raise FrameError(CloseCode.PROTOCOL_ERROR, "close frame with half a code")
    code = int.from_bytes(payload[:2], "big")
    if not (code in EXTERNAL_CLOSE_CODES or 3000 <= code < 5000):
        raise FrameError(CloseCode.PROTOCOL_ERROR, f"close code {code} may not be sent")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.INVALID_DATA, "close reason is not UTF-8") from None
    return code


class FrameParser:
    """Client bytes in, messages out.

    ``feed(data)`` returns ``(opcode, payload)`` pairs: whole text and binary messages (fragments joined, text
    checked to be UTF-8) and control frames, in order. Raises ``FrameError`` with the close code to answer;
    after that the parser must not be fed again.
    """

    __slots__ = ("_buffer", "_fragments", "_opcode", "_size", "max_bytes")

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.max_bytes = max_bytes
        self._buffer = b""
        self._fragments: list[bytes] | None = None
        self._opcode = 0
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        messages: list[tuple[int, bytes]] = []
        position = 0
        available = len(data)
        while available - position >= 2:
            first = data[position]
            second = data[position + 1]
            if first & 0x70:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "reserved bits are set but no extension was agreed")
            if not second & 0x80:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "client frames must be masked")
            opcode = first & 0x0F
            length = second & 0x7F
            head = position + 2
            if opcode >= CLOSE:
                self._check_control(opcode, first, length)
            elif length == 126:
                if available - head < 2:
                    break
                length = (data[head] << 8) | data[head + 1]
                head += 2
            elif length == 127:
                if available - head < 8:
                    break
                length = unpack_from("!Q", data, head)[0]
                head += 8
            if opcode < CLOSE and length + self._size > self.max_bytes:
                raise FrameError(CloseCode.TOO_BIG, f"message over {self.max_bytes} bytes")
            body = head + 4
            end = body + length
            if end > available:
                break
            payload = apply_mask(data[body:end], data[head:body])
            position = end
            if first & 0x80 and self._fragments is None and opcode in (TEXT, BINARY):
                if opcode == TEXT and not payload.isascii():
                    _check_utf8(payload)
                messages.append((opcode, payload))
            elif opcode >= CLOSE:
                messages.append((opcode, payload))
            else:
                whole = self._fragment(opcode, payload, bool(first & 0x80))
                if whole is not None:
                    messages.append(whole)
        if position < available:
            self._buffer = data[position:] if position else data
        return messages

    @staticmethod
    def _check_control(opcode: int, first: int, length: int) -> None:
        if opcode > PONG:
            raise FrameError(CloseCode.PROTOCOL_ERROR, f"unknown opcode {opcode:#x}")
        if not first & 0x80:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "control frames must not be fragmented")
        if length > 125:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "control frame over 125 bytes")

    def _fragment(self, opcode: int, payload: bytes, final: bool) -> tuple[int, bytes] | None:
        if opcode == CONTINUATION:
            if self._fragments is None:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "continuation without a beginning")
        elif opcode in (TEXT, BINARY):
            if self._fragments is not None:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "new message inside a fragmented one")
            self._fragments = []
            self._opcode = opcode
        else:
            raise FrameError(CloseCode.PROTOCOL_ERROR, f"unknown opcode {opcode:#x}")
        fragments = self._fragments
        fragments.append(payload)
        self._size += len(payload)
        if len(fragments) > MAX_FRAGMENTS:
            # Joining now keeps many empty fragments from growing a list without bound.
            fragments[:] = [b"".join(fragments)]
        if not final:
            return None
        whole = b"".join(fragments)
        self._fragments = None
        self._size = 0
        if self._opcode == TEXT:
            _check_utf8(whole)
        return self._opcode, whole


def _check_utf8(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.INVALID_DATA, "text message is not UTF-8") from None
