"""The sockets of this process after their handshake: read in turns, written straight to the kernel.

An event loop's transports cost a kilobyte or two each and a wake-up per fix. Here one epoll set holds every watcher
and device, and the event loop watches that set alone. A turn reads what is ready, then tells what was published
meanwhile: the newest position of each visit, once. Under load the set is looked at in ticks (``tracker.pace``) instead
of at every arrival, so that one wake-up serves many fixes; when it is quiet again, an arrival wakes the loop at once.
What else comes many times a second, the other processes' words, keeps step (``guests``).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import select
import socket
from collections import deque
from os import read
from typing import TYPE_CHECKING, Final, Protocol

from tracker.errors import CloseCode
from tracker.guests import Guests, look_away
from tracker.pace import ALONE, PATIENT, SHARED, Habit, Pace

if TYPE_CHECKING:
    from tracker.connections import Connection

BATCH = 64
"""Sockets read in one turn: about 2 ms, under the 5 ms the loop may be held."""
READ_BYTES: Final = 16_384
TURN_BYTES = 65_536
"""Read in one turn: some 400 fixes, about 2 ms. Under a flood the rest waits, and others get their turn."""
FREEZE_EVERY: Final = 1000
"""So many more connections, and what lives is taken out of the garbage collector's sight: a full collection over the
objects of 10 000 connections would stop the world for tenths of a second."""
DRAIN_S = 5.0
DRAIN_SLICE = 200

_EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_WRITABLE: Final = select.EPOLLOUT
_GONE: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_READABLE: Final = select.EPOLLIN | _GONE

log = logging.getLogger("enroute.sockets")


class Turn(Protocol):
    """Who is told that a turn begins, and that everything was read and may be told. ``patient``: nobody watches what
    comes as it comes, so it may wait for more company."""

    @property
    def patient(self) -> bool: ...

    def hold(self) -> None: ...
    def release(self) -> None: ...


class Intake:
    """A shorter way for what a connection is nearly always sent."""

    __slots__ = ()

    def take(self, data: bytes) -> bool:
        """Work on what one read brought, or return False and do nothing."""
        return False


class Sockets:
    """``adopt`` gives it an open socket and the connection that speaks on it; everything else happens by itself.

    Everything runs on the event loop's thread. ``turn`` is held while a turn's bytes are worked on.
    """

    def __init__(self, *, turn: Turn | None = None) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.guests = Guests(self._guest_woke)
        self._held = turn
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._unread: deque[Connection] = deque()
        self._reading_on = False
        self._frozen = 0
        self._pace = Pace()
        self._ticking = False
        self._draining = False
        self._empty: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def adopt(self, fd: int, connection: Connection, early: bytes = b"") -> None:
        """Take over a connected, non-blocking stream socket by its file descriptor, which is closed here. Who comes
        while the others are drained is told to come back, too; after ``close`` they are hung up on. ``early`` was read
        from it already and is worked on after what the caller still does in this breath, before anything else is read.
        """
        if self._epoll.closed:
            os.close(fd)
            connection.abort()
            return
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self.loop.add_reader(self._epoll.fileno(), self._woken)
        _tune(fd, connection.send_buffer_bytes, connection.receive_buffer_bytes)
        self._connections[fd] = connection
        connection.begin(self, fd)
        if early:
            self.loop.call_soon(self._begin_with, connection, early)
        else:
            # Edge-triggered: bytes that came before are reported once, too.
            self._epoll.register(fd, _EVENTS)
        if len(self._connections) - self._frozen >= FREEZE_EVERY:
            self._frozen = len(self._connections)
            # The young are looked through first: frozen garbage would stay for good.
            gc.collect(1)
            gc.freeze()
        if self._draining:
            connection.shutdown()

    def _begin_with(self, connection: Connection, early: bytes) -> None:
        """Only then listen to the socket: a turn may come first and would read what the peer sent after ``early``."""
        if connection.fd < 0:
            return
        self._work([(connection, early, False)])
        if connection.fd >= 0:
            self._epoll.register(connection.fd, _EVENTS)

    def forget(self, fd: int) -> None:
        """The connection is over: close its file descriptor."""
        if self._connections.pop(fd, None) is None:
            return
        with contextlib.suppress(OSError):
            self._epoll.unregister(fd)
        os.close(fd)
        if len(self._connections) < self._frozen:
            self._frozen = len(self._connections)
        if self._empty is not None and not self._connections:
            self._empty.set()

    def read_later(self, connection: Connection) -> None:
        """Read in the next turn what was left in the socket, to its end: an edge is reported once only."""
        self._unread.append(connection)
        self._read_on()

    async def drain(self) -> None:
        """Tell every peer to come back (1012), give them ``DRAIN_S`` to answer, then hang up."""
        self._draining = True
        connections = list(self._connections.values())
        for first in range(0, len(connections), DRAIN_SLICE):
            for connection in connections[first : first + DRAIN_SLICE]:
                connection.shutdown()
            await asyncio.sleep(0)
        if self._connections:
            self._empty = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._empty.wait()
        self.close()

    def close(self) -> None:
        """Hang up on everybody and stop listening. Guests are read on."""
        for connection in list(self._connections.values()):
            connection.abort()
        if self.loop is not None and not self._epoll.closed:
            look_away(self.loop, self._epoll.fileno())
            self.guests.step(self.loop, in_step=False)
        self._epoll.close()

    # Turns

    def _turn(self) -> int:
        """Read what is ready, tell what came of it; returns how many sockets were ready.

        First all reads, then all thinking, then (``release``) all writes: a system call throws the processor's
        caches and branch predictions away, and thinking right after one takes several times as long.
        """
        if self._epoll.closed:
            return 0
        connections = self._connections
        received = []
        room = TURN_BYTES
        # Half a batch of the unread at most, so that they and the newly ready ones take turns.
        unread, looked_at = self._unread, 0
        while unread and looked_at < BATCH // 2 and room > 0:
            connection = unread.popleft()
            looked_at += 1
            if connection.fd < 0 or connection.choked:
                continue
            try:
                data = read(connection.fd, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            received.append((connection, data, data != b""))
            room -= len(data)
        ready = self._epoll.poll(0, BATCH - looked_at)
        for fd, events in ready:
            found = connections.get(fd)
            if found is None:
                continue
            connection = found
            if connection.choked:
                if events & _WRITABLE:
                    try:
                        connection.writable()
                    except Exception:
                        self._failed(connection)
            elif events & _READABLE:
                if room <= 0:
                    unread.append(connection)
                    continue
                try:
                    data = read(fd, READ_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                # The end of the stream is told together with the last bytes, and never again.
                received.append((connection, data, len(data) == READ_BYTES or events & _GONE != 0))
                room -= len(data)
        self._work(received)
        return len(ready)

    def _work(self, received: list[tuple[Connection, bytes, bool]]) -> None:
        """Work on what was read, and tell what came of it. The third of each: there may be more to read."""
        held = self._held
        if held is not None:
            held.hold()
        try:
            for connection, data, more in received:
                try:
                    intake = connection.intake
                    if intake is None or not intake.take(data):
                        connection.data_received(data)
                except Exception:
                    self._failed(connection)
                if more and connection.fd >= 0:
                    self._unread.append(connection)
        finally:
            if held is not None:
                held.release()
            if self._unread:
                self._read_on()

    def _read_on(self) -> None:
        """Another turn for the unread, once."""
        if not self._reading_on:
            self._reading_on = True
            assert self.loop is not None
            self.loop.call_soon(self._turn_on)

    def _turn_on(self) -> None:
        self._reading_on = False
        if self._unread:
            self._turn()

    def _failed(self, connection: Connection) -> None:
        log.exception("a connection failed and is closed")
        connection.close(CloseCode.INTERNAL, "internal error")

    def _woken(self) -> None:
        """Something is ready (quiet mode)."""
        assert self.loop is not None
        self._begin_ticks(self.loop)
        self._turn()

    def _guest_woke(self) -> None:
        """A guest had a wake-up of its own. It keeps no step with patient ticks."""
        if self.loop is not None and not self._epoll.closed and self._habit is not PATIENT:
            self._begin_ticks(self.loop)

    def _begin_ticks(self, loop: asyncio.AbstractEventLoop) -> None:
        """One wake-up more: is it time for ticks?"""
        if self._ticking:
            return
        habit = self._habit
        if self._pace.is_busy(loop.time(), habit):
            self._ticking = True
            look_away(loop, self._epoll.fileno())
            self.guests.step(loop, in_step=habit is not PATIENT)
            loop.call_later(habit.shortest_s, self._tick)

    def _tick(self) -> None:
        """Look what came since the last tick (busy mode)."""
        loop = self.loop
        assert loop is not None
        if self._epoll.closed:
            return
        count, heard = 0, self.guests.heard
        try:
            count = self._turn()
        finally:
            more = self.guests.keep(loop.time()) or count == BATCH
            if not self._epoll.closed:
                self._tick_on(loop, count + self.guests.heard - heard, more)

    def _tick_on(self, loop: asyncio.AbstractEventLoop, ready: int, more: bool) -> None:
        """When the next look is due, after one that found so many sockets ready. ``more``: at once."""
        habit = self._habit
        wait_s = self._pace.next_tick_s(loop.time(), habit, ready=ready)
        if wait_s is None:
            self._ticking = False
            self.guests.step(loop, in_step=False)
            loop.add_reader(self._epoll.fileno(), self._woken)
            return
        # The others' words do not wait as long as fixes that nobody watches.
        self.guests.step(loop, in_step=habit is not PATIENT)
        if more:
            loop.call_soon(self._tick)
        else:
            loop.call_later(wait_s, self._tick)

    @property
    def _habit(self) -> Habit:
        if self._held is not None and self._held.patient:
            return PATIENT
        assert self.loop is not None
        return SHARED if self.guests.talk(self.loop.time()) else ALONE


def _tune(fd: int, send_buffer_bytes: int, receive_buffer_bytes: int) -> None:
    """Socket options for a thin stream; a socket that has none of them (a pair in a test) goes without."""
    sock = socket.socket(fileno=fd)
    try:
        if send_buffer_bytes:
            # Without a bound the kernel would queue megabytes of old positions for a reader that stopped reading.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        if receive_buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        with contextlib.suppress(OSError):
            # A few hundred bytes a second never fill a congestion window; pacing them (BBR) costs a timer each.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    finally:
        sock.detach()
