"""The sockets that are busy, bare: `hiredis` reads, and nothing stands between it and the event loop.

A process's own client library costs more per message than all of Redis does; commands, where that does not matter,
go through `redis.asyncio`.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis

from tracker.errors import ExchangeAway
from tracker.guests import READ_AT_ONCE, Guests
from tracker.redis_blobs import LARGEST_BLOB
from tracker.redis_urls import Login

# Bytes of one reply that Redis may send before it is complete: more than a blob is nothing of ours.
LARGEST_REPLY = LARGEST_BLOB + 64 * 1024
# Beyond this, what is published waits in the outbox, which is bounded.
WRITE_BUFFER = 1024 * 1024

_PUSHED = (b"message", b"smessage")
_SUBSCRIBED = (b"subscribe", b"ssubscribe")


def command(*words: bytes | str) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word.encode() if isinstance(word, str) else word
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


class Refused(ExchangeAway):
    """What Redis answered instead."""


class RedisSocket(asyncio.Protocol):
    """A connection that may ask several things at once: they are answered in order. `on_lost` is called once, with the
    reason, unless we closed it ourselves."""

    def __init__(self, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._answers: deque[asyncio.Future[Any]] = deque()
        self._ended = asyncio.get_running_loop().create_future()
        self._unread = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are no instances of it, but are such.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        self.fail("the connection was closed" if exc is None else f"{type(exc).__name__}: {exc}")

    def data_received(self, data: bytes) -> None:
        self._unread += len(data)
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                self._unread = 0
                self.replied(reply)
        except hiredis.ProtocolError as error:
            self.fail(f"not the protocol of Redis: {error}")
        if self._unread > LARGEST_REPLY:
            self.fail(f"a reply of more than {LARGEST_REPLY} bytes")

    def replied(self, reply: Any) -> None:
        if self._answers:
            answer = self._answers.popleft()
            # Who asked may not wait any more.
            if not answer.done():
                answer.set_result(reply)

    def fail(self, reason: str) -> None:
        """Ends the connection for this reason."""
        on_lost, self._on_lost = self._on_lost, _nobody
        self.abort()
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(ExchangeAway(reason))
        self._answers.clear()
        on_lost(reason)

    async def ask(self, *words: bytes | str) -> Any:
        """Raises Refused, and ExchangeAway when Redis hangs up; a deadline is the caller's."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise ExchangeAway("the connection was closed")
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._transport.write(command(*words))
        reply = await answer
        if isinstance(reply, hiredis.ReplyError):
            # The words may hold a password, the refusal does not.
            raise Refused(f"Redis refused: {str(reply)[:200]}")
        return reply

    async def log_in(self, login: Login) -> None:
        if login.password is not None:
            await self.ask("AUTH", *([login.username] if login.username else []), login.password)

    def abort(self) -> None:
        self._on_lost = _nobody
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """What was written still goes out."""
        self._on_lost = _nobody
        if self._transport is not None:
            self._transport.close()
            await self._ended


class Publisher(RedisSocket):
    """Writes commands and wants no answers: Redis is told to be silent, and probes show whether all is well."""

    def __init__(self, on_lost: Callable[[str], None], on_drained: Callable[[], None]) -> None:
        super().__init__(on_lost)
        self.is_full = False
        self._on_drained = on_drained

    async def begin(self, login: Login, *, first: Sequence[bytes]) -> None:
        """`first` is a command that shows whether we may publish at all. Raises ExchangeAway."""
        await self.log_in(login)
        await self.ask(*first)
        assert self._transport is not None
        self._transport.write(command("CLIENT", "REPLY", "OFF"))

    def write(self, commands: bytes) -> None:
        """What is written to a connection that is ending is lost; the receivers see the gap."""
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(commands)

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self._on_drained()


class Subscriber(RedisSocket):
    """Calls `on_message(channel, payload)` for what is published on its channels."""

    def __init__(self, on_lost: Callable[[str], None], on_message: Callable[[bytes, bytes], None]) -> None:
        super().__init__(on_lost)
        self.fd = -1
        self._guests: Guests | None = None
        self._on_message = on_message
        self._expected = 0

    async def begin(self, login: Login, *, verb: str, channels: Sequence[bytes]) -> None:
        """Returns when Redis confirmed every channel. Raises ExchangeAway."""
        await self.log_in(login)
        self._expected = len(channels)
        await self.ask(verb, *channels)

    def keep_step(self, guests: Guests) -> None:
        """From now on it is read as one of these guests. Over TLS only its transport can read it."""
        assert self._transport is not None
        if self._transport.is_closing() or self._transport.get_extra_info("ssl_object") is not None:
            return
        self._transport.pause_reading()
        # The transport goes on thinking that its descriptor is its own.
        self.fd = os.dup(self._transport.get_extra_info("socket").fileno())
        self._guests = guests
        guests.invite(self)

    def read_now(self) -> int:
        try:
            data = os.read(self.fd, READ_AT_ONCE)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.fail(f"{type(error).__name__}: {error}")
            return 0
        if not data:
            self.fail("the connection was closed")
            return 0
        try:
            self.data_received(data)
        except Exception:
            # Half of what came is in the reader: what follows could not be trusted.
            self.fail("what was said could not be taken in")
            raise
        return len(data)

    def abort(self) -> None:
        guests, self._guests = self._guests, None
        if guests is not None:
            guests.dismiss(self)
            os.close(self.fd)
            self.fd = -1
        super().abort()

    def replied(self, reply: Any) -> None:
        if type(reply) is list and len(reply) == 3:
            kind = reply[0]
            if kind in _PUSHED:
                self._on_message(reply[1], reply[2])
                return
            if kind in _SUBSCRIBED:
                self._expected -= 1
                if self._expected:
                    return
            elif self._expected == 0:
                # Taken from us: in a cluster, the channel has moved to another server.
                self.fail("Redis ended the subscription")
                return
        super().replied(reply)


def _nobody(reason: str) -> None:
    return None
