"""WebSocket frames (RFC 6455): build a server frame once, parse client bytes.

Server frames are unmasked and never compressed, so one immutable ``bytes`` serves every watcher. The parser
takes whatever one read brought and gives the complete messages in it; control frames may interleave fragments.
It fails at the first octet that cannot be right: a header before its payload, text within a character.
"""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Sequence
from typing import Final

from websockets.frames import EXTERNAL_CLOSE_CODES
from websockets.speedups import apply_mask

from tracker.errors import CloseCode, FrameError

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
CONTINUATION: Final = 0x0

MAX_MESSAGE_BYTES: Final = 65_536

_FINAL: Final = 0x80
_WHOLE_TEXT: Final = _FINAL | TEXT
_WHOLE_BINARY: Final = _FINAL | BINARY
_WHOLE_CLOSE: Final = _FINAL | CLOSE
_CONTROLS: Final = frozenset((_WHOLE_CLOSE, _FINAL | PING, _FINAL | PONG))
_FIRST: Final = _CONTROLS | {TEXT, BINARY, _WHOLE_TEXT, _WHOLE_BINARY}
"""What the first byte of a frame may be between messages,"""
_FIRST_WITHIN: Final = _CONTROLS | {CONTINUATION, _FINAL | CONTINUATION}
"""and what within a fragmented one: nothing with a reserved bit, an unknown opcode or half a control frame."""
_MASKED: Final = 0x80
_MASKED_16: Final = _MASKED | 126
_SHORT: Final = 6
_MIDDLE: Final = 8
"""Bytes before the payload in a client frame of up to 125 bytes, and in one whose length takes 16 bits."""
_FEW_BYTES: Final = 1024
_TEXT_HEADS: Final = [bytes((_WHOLE_TEXT, 126, length >> 8, length & 0xFF)) for length in range(_FEW_BYTES)]
"""What stands before a text of so many bytes, 126 or more: positions are told too often to put it together anew."""


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One unfragmented server frame."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < _FEW_BYTES and opcode == TEXT:
        return _TEXT_HEADS[length] + payload
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
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.INVALID_DATA, "close reason is not UTF-8") from None
    code = int.from_bytes(payload[:2], "big")
    if not (code in EXTERNAL_CLOSE_CODES or 3000 <= code < 5000):
        raise FrameError(CloseCode.PROTOCOL_ERROR, f"close code {code} may not be sent")
    return code


class FrameParser:
    """Client bytes in, messages out.

    ``feed(data)`` returns ``(opcode, payload)`` pairs: whole text and binary messages (fragments joined, text
    checked to be UTF-8) and control frames, in order. Raises ``FrameError`` with the close code to answer; what
    the same bytes held before the error is then in ``before_error``. Bytes after a close frame are not looked at.
    After either of them the parser must not be fed again.
    """

    __slots__ = ("_message", "_rest", "before_error", "max_bytes")

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.max_bytes = max_bytes
        self.before_error: Sequence[tuple[int, bytes]] = ()
        # A header or a control frame that is not all here yet: at most 130 bytes.
        self._rest = b""
        # The message whose fragments, or whose only frame, came in part.
        self._message: _Message | None = None

    def whole_text(self, data: bytes) -> bytes | None:
        """The payload, when these bytes are one whole ASCII text of no great length and nothing waits for its rest:
        what nearly every read brings. Otherwise None; then nothing was taken, and ``feed`` must be given the bytes."""
        size = len(data)
        if size >= _SHORT and data[0] == _WHOLE_TEXT and self._message is None and not self._rest:
            length = data[1]
            if length == _MASKED_16:
                if (data[2] << 8 | data[3]) == size - _MIDDLE >= 126 and size <= self.max_bytes:
                    payload = apply_mask(data[_MIDDLE:], data[4:_MIDDLE])
                    if payload.isascii():
                        return payload
            elif length - _MASKED == size - _SHORT <= 125 and size <= self.max_bytes:
                payload = apply_mask(data[_SHORT:], data[2:_SHORT])
                if payload.isascii():
                    return payload
        return None

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        payload = self.whole_text(data)
        if payload is not None:
            return [(TEXT, payload)]
        messages: list[tuple[int, bytes]] = []
        try:
            self._read(data, messages)
        except FrameError:
            self.before_error = messages
            raise
        return messages

    def skim(self, data: bytes) -> tuple[bytes, int]:
        """Leave out, unread, the messages that another whole one follows in these bytes: what is left to be fed, and
        how many were left out. It stops before anything but a message in one frame: nothing else gets lost."""
        message = self._message
        position = found = 0
        if message is not None:
            if not message.final or message.missing > len(data):
                return data, 0
            whole = data
            position = message.missing
            found = 1
        else:
            whole = self._rest + data
        available = len(whole)
        newest = -1
        while position + _SHORT <= available:
            first = whole[position]
            if first != _WHOLE_TEXT and first != _WHOLE_BINARY:
                break
            length = whole[position + 1]
            if length == _MASKED_16:
                length = whole[position + 2] << 8 | whole[position + 3]
                if length < 126:
                    break
                end = position + _MIDDLE + length
            elif _MASKED <= length < _MASKED_16:
                length -= _MASKED
                end = position + _SHORT + length
            else:
                break
            if end > available or length > self.max_bytes:
                break
            newest = position
            position = end
            found += 1
        if newest < 0 or found == 1:
            return data, 0
        self._message = None
        self._rest = b""
        return whole[newest:], found - 1

    def _read(self, data: bytes, messages: list[tuple[int, bytes]]) -> None:
        message = self._message
        position = 0
        if message is not None and message.missing:
            position = min(message.missing, len(data))
            message.add(data[:position])
            message = self._pass_on(message, messages)
        elif self._rest:
            data = self._rest + data
            self._rest = b""
        available = len(data)
        while position < available:
            first = data[position]
            if first not in (_FIRST if message is None else _FIRST_WITHIN):
                raise _wrong_first(first)
            head = position + 2
            if head > available:
                break
            length = data[position + 1] - _MASKED
            if length < 0:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "client frames must be masked")
            control = first >= _WHOLE_CLOSE  # the lowest of their opcodes
            if length > 125:
                if control:
                    raise FrameError(CloseCode.PROTOCOL_ERROR, "control frame over 125 bytes")
                octets, shortest = (2, 126) if length == 126 else (8, 65_536)
                head += octets
                if head > available:
                    break
                length = data[head - 2] << 8 | data[head - 1] if octets == 2 else _long_length(data[head - 8 : head])
                if length < shortest:
                    raise FrameError(CloseCode.PROTOCOL_ERROR, "the length is not in its shortest form")
            if length > self.max_bytes - (0 if message is None else message.size) and not control:
                raise FrameError(CloseCode.TOO_BIG, f"message over {self.max_bytes} bytes")
            body = head + 4
            end = body + length
            if end <= available and (control or (message is None and first >= _FINAL)):
                payload = apply_mask(data[body:end], data[head:body])
                if first == _WHOLE_TEXT and not payload.isascii():
                    _check_text(payload)
                messages.append((first & 0x0F, payload))
                if first == _WHOLE_CLOSE:
                    return
            elif control or body > available:
                break
            else:
                if message is None:
                    message = self._message = _Message(first & 0x0F)
                message.begin_frame(length, data[head:body], final=first >= _FINAL)
                end = min(end, available)
                message.add(data[body:end])
                message = self._pass_on(message, messages)
            position = end
        if position < available:
            self._rest = data[position:]

    def _pass_on(self, message: _Message, messages: list[tuple[int, bytes]]) -> _Message | None:
        """The message if there is more to come of it; otherwise None, and it is with the others."""
        if message.missing or not message.final:
            return message
        messages.append((message.opcode, message.whole()))
        self._message = None
        return None


class _Message:
    """A text or binary message that does not come in one piece.

    ``missing``: payload bytes of its newest frame that did not come yet. ``final``: that frame is the last.
    """

    __slots__ = ("_cut", "_data", "_mask", "final", "missing", "opcode")

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode
        self.missing = 0
        self.final = False
        self._mask = b""
        self._data = bytearray()
        # The beginning of a character whose other octets did not come yet.
        self._cut = b""

    @property
    def size(self) -> int:
        return len(self._data)

    def begin_frame(self, length: int, mask: bytes, *, final: bool) -> None:
        self.missing = length
        self.final = final
        self._mask = mask

    def add(self, masked: bytes) -> None:
        """The next bytes of the frame. Raises ``FrameError`` as soon as text cannot become UTF-8 any more."""
        self.missing -= len(masked)
        payload = apply_mask(masked, self._mask)
        turn = len(masked) % 4
        if turn:
            self._mask = self._mask[turn:] + self._mask[:turn]
        if self.opcode == TEXT and (self._cut or not payload.isascii()):
            self._cut = _cut_character(self._cut + payload)
        self._data += payload

    def whole(self) -> bytes:
        """All of it. Raises ``FrameError`` for text that ends within a character."""
        if self._cut:
            _check_text(self._cut)
        return bytes(self._data)


def _wrong_first(first: int) -> FrameError:
    """Why a frame may not begin with this byte, here."""
    opcode = first & 0x0F
    if first & 0x70:
        detail = "reserved bits are set but no extension was agreed"
    elif opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        detail = f"unknown opcode {opcode:#x}"
    elif opcode >= CLOSE:
        detail = "control frames must not be fragmented"
    elif opcode == CONTINUATION:
        detail = "continuation without a beginning"
    else:
        detail = "new message inside a fragmented one"
    return FrameError(CloseCode.PROTOCOL_ERROR, detail)


def _long_length(octets: bytes) -> int:
    length = int.from_bytes(octets, "big")
    if length >= 1 << 63:
        raise FrameError(CloseCode.PROTOCOL_ERROR, "the highest bit of the length is set")
    return length


def _check_text(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.INVALID_DATA, "text message is not UTF-8") from None


def _cut_character(text: bytes) -> bytes:
    """What a text whose rest did not come yet ends with: nothing, or the beginning of a character."""
    try:
        cut = text[utf_8_decode(text, "strict", False)[1] :]
    except UnicodeDecodeError:
        raise FrameError(CloseCode.INVALID_DATA, "text message is not UTF-8") from None
    # The decoder waits for the last octet of a surrogate, in case its error handler wants it. It may never be one.
    if b"\xed\xa0" <= cut < b"\xee":
        raise FrameError(CloseCode.INVALID_DATA, "text message is not UTF-8")
    return cut
