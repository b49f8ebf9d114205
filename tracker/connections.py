"""Websocket connections after the handshake: bytes from the socket, frames back to it, no task in between.

``Connection`` answers pings, closes and protocol errors; ``WatcherConnection`` and ``DeviceConnection`` give the
messages a meaning. The HTTP side authenticates and accepts first, then gives the socket and one of these to
``tracker.sockets``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Sequence
from os import write
from typing import TYPE_CHECKING, Any

from tracker.errors import CloseCode, FrameError
from tracker.frames import BINARY, CLOSE, PING, PONG, FrameParser, close_frame, frame, parse_close
from tracker.hub import Hub
from tracker.watchers import Watcher

if TYPE_CHECKING:
    from tracker.sockets import Intake, Sockets

WATCHER_SEND_BUFFER_BYTES = 32_768
"""Kernel memory for what a watcher has not read yet (Linux doubles it): a minute of positions at three a second."""
CLOSE_WAIT_S = 5.0
"""How long a peer may take to answer our close, or to hang up after it, before the socket is torn down."""
FAREWELL_S = 1.0
"""How long a watcher that does not read may take to notice why it is cut; then its buffers are thrown away."""
MAX_REST_BYTES = 262_144
"""Bytes held for a socket that is full. Positions never come here: a watcher's mailbox holds the newest."""


CONNECTION_STATE = (
    "_closing",
    "_deaf",
    "_ended",
    "_finishing",
    "_parser",
    "_rest",
    "_sockets",
    "choked",
    "fd",
    "on_gone",
)
"""Slots of ``Connection``. The concrete classes declare them: two bases with slots cannot be combined."""
_AT_ONCE = struct.pack("ii", 1, 0)

log = logging.getLogger("enroute.sockets")
_BROKEN = (CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.TOO_BIG)


class Connection:
    """One websocket on one socket. ``begin`` is called when the socket is taken over, ``ended`` once when it is over.

    ``fd`` is the socket's file descriptor, -1 before and after. ``choked`` while the socket takes no more bytes:
    the peer is not listened to meanwhile, so that answers to its pings cannot pile up.
    """

    __slots__ = ()

    max_bytes = 65_536
    send_buffer_bytes = 0
    receive_buffer_bytes = 0
    intake: Intake | None = None
    """Is given what a read brought before ``data_received`` is."""

    fd: int
    choked: bool
    on_gone: Callable[[Any], None] | None
    _sockets: Sockets | None
    _parser: FrameParser | None
    _rest: bytes
    _closing: bool
    _deaf: bool
    _finishing: bool
    _ended: bool

    def __init__(self) -> None:
        self.fd = -1
        self.choked = False
        self.on_gone = None
        self._sockets = None
        self._parser = None
        self._rest = b""
        self._closing = False
        self._deaf = False
        self._finishing = False
        self._ended = False

    def begin(self, sockets: Sockets, fd: int) -> None:
        self._sockets = sockets
        self.fd = fd

    @property
    def alive(self) -> bool:
        return not self._closing

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the sockets; only after ``begin``."""
        assert self._sockets is not None
        assert self._sockets.loop is not None
        return self._sockets.loop

    def data_received(self, data: bytes) -> None:
        """What one read brought; nothing when the peer hung up."""
        if self._deaf or not data:
            if not data:
                self.abort()
            return
        parser = self._parser
        if parser is None:
            parser = self._parser = FrameParser(self.max_bytes)
        try:
            messages = parser.feed(data)
        except FrameError as error:
            # What came before the broken frame was said all the same.
            self._hear(parser.before_error)
            self.close(error.close_code, error.detail)
            self._deaf = True
        else:
            self._hear(messages)

    def _hear(self, messages: Sequence[tuple[int, bytes]]) -> None:
        texts = None
        for opcode, payload in messages:
            if opcode <= BINARY:
                if texts is None:
                    texts = [(opcode, payload)]
                else:
                    texts.append((opcode, payload))
            elif opcode == PING:
                if not self._closing:
                    self.send_frame(frame(payload, PONG))
            elif opcode == CLOSE:
                if texts is not None and not self._closing:
                    self.messages_received(texts)
                    texts = None
                self._close_received(payload)
                return
        if texts is not None and not self._closing:
            self.messages_received(texts)

    def messages_received(self, messages: list[tuple[int, bytes]]) -> None:
        """All text and binary messages of one read, in order."""

    def ended(self) -> None:
        """The connection is over, for whatever reason. Called once."""

    def stalled_now(self) -> None:
        """The socket is full."""

    def drained_now(self) -> None:
        """The socket takes bytes again."""

    # Writing

    def send(self, payload: bytes) -> None:
        """Send one text message outside the hub's stream."""
        if not self._closing:
            self.send_frame(frame(payload))

    def send_frame(self, data: bytes) -> None:
        """Write a frame now; what the socket does not take is held until it does."""
        if self.choked:
            self._rest += data
            if len(self._rest) > MAX_REST_BYTES:
                self.abort()
            return
        if self.fd < 0:
            return
        try:
            taken = write(self.fd, data)
        except BlockingIOError:
            taken = 0
        except OSError:
            self.abort()
            return
        if taken < len(data):
            self.choke(data[taken:])

    def choke(self, rest: bytes) -> None:
        """The socket is full; ``rest`` is what it did not take of a frame it took a part of."""
        self.choked = True
        self._rest = rest
        self.stalled_now()

    def writable(self) -> None:
        """The socket takes bytes again: first the rest, then what the mailbox holds, then its own bytes are read."""
        rest = self._rest
        if rest:
            try:
                taken = write(self.fd, rest)
            except BlockingIOError:
                return
            except OSError:
                self.abort()
                return
            if taken < len(rest):
                self._rest = rest[taken:]
                return
        self._rest = b""
        self.choked = False
        if self._finishing:
            self._hang_up()
            return
        self.drained_now()
        if self.fd >= 0 and not self.choked:
            assert self._sockets is not None
            self._sockets.read_later(self)

    # Ending

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake; the socket goes when the peer answers or after ``CLOSE_WAIT_S``."""
        if self._closing or self.fd < 0:
            return
        self._closing = True
        self._end()
        self.send_frame(close_frame(code, reason))
        if self.fd < 0:
            return
        self.loop.call_later(CLOSE_WAIT_S, self.abort)
        if code in _BROKEN:
            # What follows cannot be parsed any more.
            self._finish()

    def shutdown(self) -> None:
        """The server is going: tell the peer to come back."""
        self.close(CloseCode.RESTARTING, "restarting")
        self._finish()

    def abort(self) -> None:
        """The socket goes, now and without a word. Also called when it went by itself."""
        self._closing = self._deaf = True
        self._parser = None
        self._rest = b""
        self._end()
        fd = self.fd
        if fd >= 0:
            self.fd = -1
            assert self._sockets is not None
            self._sockets.forget(fd)
        if self.on_gone is not None:
            self.on_gone(self)
            self.on_gone = None

    def reset(self) -> None:
        """``abort``, and what the peer has not read is thrown away: the kernel would keep it for minutes."""
        if self.fd >= 0:
            sock = socket.socket(fileno=self.fd)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            except OSError:
                pass
            finally:
                sock.detach()
        self.abort()

    def _close_received(self, payload: bytes) -> None:
        if not self._closing:
            self._closing = True
            try:
                code = parse_close(payload)
                answer = close_frame(code if code is not None else CloseCode.NORMAL)
            except FrameError as error:
                answer = close_frame(error.close_code, error.detail)
            self._end()
            self.send_frame(answer)
            if self.fd >= 0:
                self.loop.call_later(CLOSE_WAIT_S, self.abort)
        self._finish()

    def _finish(self) -> None:
        """Nothing more is said or heard: send the end of the stream, wait for the peer's.

        Closing at once would reset the connection when bytes of the peer are unread, and a reset may overtake our
        close frame (RFC 6455 section 7.1.1).
        """
        if self.fd < 0 or self._finishing:
            return
        self._deaf = True
        self._finishing = True
        self._parser = None
        if not self.choked:
            self._hang_up()

    def _hang_up(self) -> None:
        ours = socket.socket(fileno=self.fd)
        try:
            ours.shutdown(socket.SHUT_WR)
        except OSError:
            ours.detach()
            self.abort()
        else:
            ours.detach()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            try:
                self.ended()
            except Exception:
                # The socket goes all the same, and whoever is served in the same breath notices nothing.
                log.exception("the end of a connection could not be told")


class WatcherConnection(Connection, Watcher):
    """A watcher on a websocket. Its first message may say who it is (``expect_hello``); after that it has nothing
    to say, and one that keeps talking is closed."""

    __slots__ = (
        *(name for name in CONNECTION_STATE if name != "fd"),
        "_hello_timer",
        "_hub",
        "_on_hello",
        "_strikes",
        "on_ended",
    )

    max_bytes = 4096
    send_buffer_bytes = WATCHER_SEND_BUFFER_BYTES

    def __init__(self, *, hub: Hub, principal: Any, until_ms: int) -> None:
        Watcher.__init__(self, write=_nowhere, principal=principal, until_ms=until_ms)
        Connection.__init__(self)
        self._hub = hub
        self._strikes = 0
        self._on_hello: Callable[[bytes], None] | None = None
        self._hello_timer: asyncio.TimerHandle | None = None
        self.on_ended: Callable[[], None] | None = None

    def stalled_now(self) -> None:
        if not self._closing:
            self._hub.mark_stalled(self)

    def drained_now(self) -> None:
        self._hub.mark_drained(self)

    def expect_hello(self, on_hello: Callable[[bytes], None], *, within_s: float) -> None:
        """Wait for the first message; without one in time the connection is closed with 4408."""
        if self._closing:
            return
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
        choked = self.choked
        self.close(code, reason)
        if choked:
            # A full socket cannot carry the farewell: it would only hold its buffer until the timeout.
            self.reset()
        elif code == CloseCode.TOO_SLOW and self.fd >= 0:
            self.loop.call_later(FAREWELL_S, self.reset)

    def _stop_hello_timer(self) -> None:
        if self._hello_timer is not None:
            self._hello_timer.cancel()
            self._hello_timer = None

    def ended(self) -> None:
        self._stop_hello_timer()
        self._on_hello = None
        self._hub.unsubscribe(self)
        self.take()
        if self.on_ended is not None:
            self.on_ended()
            self.on_ended = None


def _nowhere(data: bytes) -> None:
    raise RuntimeError("a websocket is written to by its file descriptor")
