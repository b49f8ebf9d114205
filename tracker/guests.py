"""What comes and goes many times a second beside the phones keeps step with the ticks of their sockets: a wake-up of
its own would cost as much as several fixes (``tracker.pace``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

READ_AT_ONCE: Final = 65_536
"""Bytes that a guest reads in one tick: some 200 updates, about 1 ms. What it has beyond them comes in the next turn of
the loop, so that others get theirs."""
EARLY_S: Final = 0.001
"""So much before it is due something is done with this tick rather than with the next."""
WINDOW_S: Final = 0.5
TALKS: Final = 20
"""So often in one window is something heard or to be done: below that it is no more than signs of life."""

log = logging.getLogger("enroute.sockets")


class Guest(Protocol):
    """A socket that is no connection of ours. ``fd`` is its own, non-blocking, and stays open until it is dismissed."""

    @property
    def fd(self) -> int: ...

    def read_now(self) -> int:
        """Read what is there, ``READ_AT_ONCE`` at most, and take it in; how many bytes that was."""


class Guests:
    """While ``step`` says so, guests are read and what is due is done when ``keep`` is called, with every tick;
    otherwise the event loop wakes up for each of them, and ``on_woken`` is told. Everything runs on the loop's thread.
    """

    def __init__(self, on_woken: Callable[[], None] | None = None) -> None:
        self.heard = 0
        """Reads that brought something, since the start."""
        self._asked = 0
        self._before = 0
        self._window_s = 0.0
        self._talk = False
        self._on_woken = on_woken
        self._in_step = False
        self._guests: list[Guest] = []
        self._due: list[tuple[float, Callable[[], None]]] = []

    @property
    def invited(self) -> int:
        return len(self._guests)

    def talk(self, now_s: float) -> bool:
        """Whether there was much to be heard or done of late."""
        if now_s - self._window_s > WINDOW_S:
            events = self.heard + self._asked
            self._talk = events - self._before >= TALKS
            self._before = events
            self._window_s = now_s
        return self._talk

    def invite(self, guest: Guest) -> None:
        """Read it, too, from now on."""
        self._guests.append(guest)
        if not self._in_step:
            asyncio.get_running_loop().add_reader(guest.fd, self._woken, guest)

    def dismiss(self, guest: Guest) -> None:
        """Read it no more. One that was never invited is not missed."""
        if guest in self._guests:
            self._guests.remove(guest)
            if not self._in_step:
                look_away(asyncio.get_running_loop(), guest.fd)

    def soon(self, wait_s: float, do: Callable[[], None]) -> None:
        """Do this after ``wait_s``, give or take a tick."""
        loop = asyncio.get_running_loop()
        self._asked += 1
        if self._in_step:
            self._due.append((loop.time() + wait_s, do))
        elif wait_s > 0:
            loop.call_later(wait_s, do)
        else:
            loop.call_soon(do)

    def step(self, loop: asyncio.AbstractEventLoop, *, in_step: bool) -> None:
        """Whether there are ticks to keep step with."""
        if in_step == self._in_step:
            return
        self._in_step = in_step
        for guest in self._guests:
            if in_step:
                look_away(loop, guest.fd)
            else:
                loop.add_reader(guest.fd, self._woken, guest)
        due, self._due = self._due, []
        for at_s, do in due:
            loop.call_at(at_s, do)

    def keep(self, now_s: float) -> bool:
        """A tick: read the guests and do what is due; whether there may be more to read."""
        if not self._in_step:
            return False
        more = False
        for guest in tuple(self._guests):
            if self._read(guest) >= READ_AT_ONCE:
                more = True
        due, self._due = self._due, []
        for at_s, do in due:
            if at_s > now_s + EARLY_S:
                self._due.append((at_s, do))
                continue
            try:
                do()
            except Exception:
                log.exception("what was due in this tick could not be done")
        return more

    def _woken(self, guest: Guest) -> None:
        self._read(guest)
        if self._on_woken is not None:
            self._on_woken()

    def _read(self, guest: Guest) -> int:
        # Another one that was read in the same breath may have dismissed it.
        if guest not in self._guests:
            return 0
        try:
            size = guest.read_now()
        except Exception:
            log.exception("what another process said could not be taken in")
            return 0
        if size:
            self.heard += 1
        return size


def look_away(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    """Watch the file descriptor no longer."""
    # asyncio promises a bool and uvloop returns None; compiled code checks what it is promised.
    remove_reader: Callable[[int], object] = loop.remove_reader
    remove_reader(fd)
