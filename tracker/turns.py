"""What comes and goes many times a second beside the phones keeps step with the ticks of their sockets: a wake-up of
its own would cost as much as several fixes (``tracker.pace``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

EARLY_S: Final = 0.001
"""So much before it is due something is done with this tick rather than with the next."""

log = logging.getLogger("enroute.sockets")


class Guest(Protocol):
    """A socket that is no connection of ours. ``fd`` is its own, non-blocking, and stays open until it is dismissed."""

    @property
    def fd(self) -> int: ...

    def read_now(self) -> bool:
        """Read what is there, if anything, and take it in; True when there may be more."""


class Turns:
    """While ``step`` says so, guests are read and what is due is done when ``keep`` is called, with every tick;
    otherwise the event loop wakes up for each of them. Everything runs on the loop's thread."""

    def __init__(self) -> None:
        self._in_step = False
        self._guests: list[Guest] = []
        self._due: list[tuple[float, Callable[[], None]]] = []

    @property
    def shared(self) -> bool:
        """Is there anybody else's word to listen to?"""
        return bool(self._guests)

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
            if self._read(guest):
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

    def _read(self, guest: Guest) -> bool:
        # Another one that was read in the same breath may have dismissed it.
        if guest not in self._guests:
            return False
        try:
            return guest.read_now()
        except Exception:
            log.exception("what another process said could not be taken in")
            return False


def look_away(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    """Watch the file descriptor no longer."""
    # asyncio promises a bool and uvloop returns None; compiled code checks what it is promised.
    remove_reader: Callable[[int], object] = loop.remove_reader
    remove_reader(fd)
