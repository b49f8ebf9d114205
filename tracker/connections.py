"""Websocket connections after the hand-over: bytes from the transport, frames back to it, no task in between.

``Connection`` answers pings, closes and protocol errors; ``WatcherConnection`` and ``DeviceConnection`` give the
messages a meaning. The HTTP side authenticates and accepts first, then makes one of these the transport's protocol.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from tracker.errors import CloseCode, FrameError
from tracker.frames import BINARY, CLOSE, PING, PONG, FrameParser, close_frame, frame, parse_close
from tracker.hub import WRITE_BUFFER_BYTES, Hub, Watcher

SEND_BUFFER_BYTES = 32_768
"""Kernel memory for what a watcher has not read yet (Linux doubles it): a minute of positions at three a second."""
CLOSE_WAIT_S = 5.0
"""How long a peer may take to answer our close before the socket is torn down."""


CONNECTION_STATE = ("_closing", "_ended", "_parser", "loop", "on_gone", "transport")
"""Slots of ``Connection``. The concrete classes declare them: two bases with slots cannot be combined."""


class Connection(asyncio.Protocol):
    """One websocket. ``begin`` is called right after the hand-over, ``ended`` once when it is over."""

    __slots__ = ()

    transport: asyncio.Transport | None
    loop: asyncio.AbstractEventLoop | None
    on_gone: Callable[[Connection], None] | None
    _parser: FrameParser | None
    _closing: bool
    _ended: bool

    def __init__(self, *, max_bytes: int) -> None:
        self.transport = None
        self.loop = None
        self.on_gone = None
        self._parser = FrameParser(max_bytes)
        self._closing = False
        self._ended = False

    def begin(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self.loop = loop
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return
        try:
            messages = self._parser.feed(data)
        except FrameError as error:
            self.close(error.close_code, error.detail)
            self._parser = None
            return
        texts = None
        for opcode, payload in messages:
            if opcode <= BINARY:
                if texts is None:
                    texts = [(opcode, payload)]
                else:
                    texts.append((opcode, payload))
            elif opcode == PING:
                if not self._closing and self.transport is not None:
                    self.transport.write(frame(payload, PONG))
            elif opcode == CLOSE:
                if texts is not None and not self._closing:
                    self.messages_received(texts)
                    texts = None
                self._close_received(payload)
                return
        if texts is not None and not self._closing:
            self.messages_received(texts)

    def pause_writing(self) -> None:
        """The peer does not read. It is not listened to meanwhile, so that answers to its pings cannot pile up."""
        if self.transport is not None and not self._closing:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.transport is not None:
            self.transport.resume_reading()

    def messages_received(self, messages: list[tuple[int, bytes]]) -> None:
        """All text and binary messages of one read, in order."""

    def ended(self) -> None:
        """The connection is over, for whatever reason. Called once."""

    def send(self, payload: bytes) -> None:
        """Send one text message outside the hub's stream."""
        if self.transport is not None and not self._closing:
            self.transport.write(frame(payload))

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake; the socket goes when the peer answers or after ``CLOSE_WAIT_S``."""
        transport = self.transport
        if self._closing or transport is None:
            return
        self._closing = True
        self._end()
        transport.write(close_frame(code, reason))
        if code in (CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.TOO_BIG):
            # What follows cannot be parsed any more.
            self._parser = None
            transport.close()
            return
        assert self.loop is not None
        self.loop.call_later(CLOSE_WAIT_S, transport.abort)

    def shutdown(self) -> None:
        """The server is going: tell the peer to come back."""
        self.close(CloseCode.RESTARTING, "restarting")
        if self.transport is not None:
            self.transport.close()

    def _close_received(self, payload: bytes) -> None:
        transport = self.transport
        if transport is None:
            return
        if not self._closing:
            self._closing = True
            try:
                code = parse_close(payload)
                answer = close_frame(code if code is not None else CloseCode.NORMAL)
            except FrameError as error:
                answer = close_frame(error.close_code, error.detail)
            transport.write(answer)
            self._end()
        self._parser = None
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._closing = True
        self._parser = None
        self._end()
        if self.on_gone is not None:
            self.on_gone(self)
            self.on_gone = None

    def eof_received(self) -> bool:
        return False

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self.ended()


class WatcherConnection(Watcher, Connection):
    """A watcher on a websocket. Its first message may say who it is (``expect_hello``); after that it has nothing
    to say, and one that keeps talking is closed."""

    __slots__ = (*CONNECTION_STATE, "_hello_timer", "_hub", "_on_hello", "_strikes", "on_ended")

    def __init__(self, *, hub: Hub, principal: Any, until_ms: int) -> None:
        Connection.__init__(self, max_bytes=4096)
        Watcher.__init__(self, write=_nowhere, principal=principal, until_ms=until_ms)
        self._hub = hub
        self._strikes = 0
        self._on_hello: Callable[[bytes], None] | None = None
        self._hello_timer: asyncio.TimerHandle | None = None
        self.on_ended: Callable[[], None] | None = None

    def begin(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        Connection.begin(self, transport, loop)
        self.write = transport.write
        # Without a bound the kernel would queue megabytes of old positions for a reader that stopped reading.
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def pause_writing(self) -> None:
        Connection.pause_writing(self)
        if not self._closing:
            self._hub.mark_stalled(self)

    def resume_writing(self) -> None:
        Connection.resume_writing(self)
        self._hub.mark_drained(self)

    @property
    def alive(self) -> bool:
        return not self._closing

    def expect_hello(self, on_hello: Callable[[bytes], None], *, within_s: float) -> None:
        """Wait for the first message; without one in time the connection is closed with 4408."""
        if self._closing:
            return
        assert self.loop is not None
        self._on_hello = on_hello
        self._hello_timer = self.loop.call_later(within_s, self.close, CloseCode.HELLO_TOO_LATE, "no hello")

    def messages_received(self, messages: list[tuple[int, bytes]]) -> None:
        on_hello, self._on_hello = self._on_hello, None
        if on_hello is not None:
            self._stop_hello_timer()
            on_hello(messages[0][1])
        # A second hello is harmless; a watcher that keeps talking is not one of ours.
        self._strikes += len(messages)
        if self._strikes > 8:
            self.close(CloseCode.MALFORMED, "watchers only listen")

    def cut(self, code: int, reason: str) -> None:
        stalled = self.stalled
        transport = self.transport
        self.close(code, reason)
        if stalled and transport is not None:
            # A full socket cannot carry the farewell: it would only hold its buffer until the timeout.
            transport.abort()

    def _stop_hello_timer(self) -> None:
        if self._hello_timer is not None:
            self._hello_timer.cancel()
            self._hello_timer = None

    def ended(self) -> None:
        self._stop_hello_timer()
        self._hub.unsubscribe(self)
        self.write = _nowhere
        self.take()
        if self.on_ended is not None:
            self.on_ended()
            self.on_ended = None


def _nowhere(data: bytes) -> None:
    """Where frames go when the socket is gone."""
