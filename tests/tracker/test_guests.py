"""Other processes' words keep step with the ticks of the phones, and have wake-ups of their own when there are none.

Time is that of a loop made by hand.
"""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from tests.tracker.test_sockets_ticks import Busy
from tracker.guests import READ_AT_ONCE, Guests
from tracker.pace import PATIENT, SHARED, WINDOW_S


class Guest:
    """Reads what its peer says."""

    def __init__(self, guests: Guests) -> None:
        ours, self.theirs = socket.socketpair()
        ours.setblocking(False)
        self.fd = ours.detach()
        self.heard: list[bytes] = []
        self.leaves_after = b""
        self._guests = guests

    def read_now(self) -> int:
        try:
            data = os.read(self.fd, READ_AT_ONCE)
        except BlockingIOError:
            return 0
        self.heard.append(data)
        if data == self.leaves_after:
            self._guests.dismiss(self)
        if data == b"bad":
            raise RuntimeError("cannot be understood")
        return len(data)

    def close(self) -> None:
        self._guests.dismiss(self)
        os.close(self.fd)
        self.theirs.close()


@pytest.fixture
def busy() -> Iterator[Busy]:
    made = Busy()
    asyncio._set_running_loop(made.loop)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()
        asyncio._set_running_loop(None)


@pytest.fixture
def guests(busy: Busy) -> Guests:
    return busy.sockets.guests


@pytest.fixture
def guest(guests: Guests) -> Iterator[Guest]:
    made = Guest(guests)
    guests.invite(made)
    yield made
    made.close()


def become_busy(busy: Busy) -> None:
    busy.talk(until=lambda: len(busy.loop.readers) == 0)
    busy.loop.pass_s(SHARED.longest_s)


def test_when_it_is_quiet_a_guest_is_heard_at_once(busy, guest):
    guest.theirs.sendall(b"word")
    busy.loop.pass_s(0)

    assert guest.heard == [b"word"]


def test_under_load_a_guest_is_heard_with_the_next_tick(busy, guest):
    become_busy(busy)

    guest.theirs.sendall(b"word")
    busy.loop.pass_s(0)
    assert guest.heard == []
    busy.loop.pass_s(SHARED.longest_s)

    assert guest.heard == [b"word"]


def test_who_is_invited_under_load_is_heard_with_the_next_tick(busy, guests):
    become_busy(busy)
    guest = Guest(guests)

    guest.theirs.sendall(b"word")
    guests.invite(guest)
    assert not busy.loop.readers
    busy.loop.pass_s(SHARED.longest_s)

    assert guest.heard == [b"word"]
    guest.close()


def test_when_the_load_is_over_a_guest_is_heard_at_once_again(busy, guest):
    become_busy(busy)
    for _ in range(round(2 * WINDOW_S / SHARED.longest_s)):
        busy.loop.pass_s(SHARED.longest_s)

    guest.theirs.sendall(b"word")
    busy.loop.pass_s(0)

    assert guest.heard == [b"word"]


def test_a_guest_does_not_wait_as_long_as_fixes_that_nobody_watches(busy, guest):
    busy.log.patient = True
    busy.talk(until=lambda: len(busy.loop.readers) == 1)

    guest.theirs.sendall(b"word")
    busy.loop.pass_s(0)

    assert guest.heard == [b"word"]


@pytest.mark.parametrize("when", ["busy", "quiet"])
def test_who_is_dismissed_is_heard_no_more(busy, guests, guest, when):
    if when == "busy":
        become_busy(busy)

    guests.dismiss(guest)
    guests.dismiss(guest)
    guest.theirs.sendall(b"word")
    busy.loop.pass_s(SHARED.longest_s)

    assert guest.heard == []


@pytest.mark.parametrize("when", ["busy", "quiet"])
def test_who_leaves_at_a_word_is_heard_no_more(busy, guest, when):
    if when == "busy":
        become_busy(busy)
    guest.leaves_after = b"bye"

    guest.theirs.sendall(b"bye")
    busy.loop.pass_s(SHARED.longest_s)
    guest.theirs.sendall(b"word")
    busy.loop.pass_s(SHARED.longest_s)

    assert guest.heard == [b"bye"]


def test_one_that_dismisses_another_in_the_same_tick_silences_it(busy, guests, guest):
    other = Guest(guests)
    guests.invite(other)
    become_busy(busy)
    guest.read_now = lambda: guests.dismiss(other) or 0

    other.theirs.sendall(b"word")
    busy.loop.pass_s(SHARED.longest_s)

    assert other.heard == []
    other.close()


def test_a_guest_with_more_to_say_is_not_kept_waiting_for_the_next_tick(busy, guest):
    become_busy(busy)
    long = bytes(2 * READ_AT_ONCE + 3)

    guest.theirs.setblocking(False)
    assert guest.theirs.send(long) == len(long)
    busy.loop.pass_s(SHARED.longest_s)
    for _ in range(3):
        busy.loop.pass_s(0)

    assert [len(data) for data in guest.heard] == [READ_AT_ONCE, READ_AT_ONCE, 3]


@pytest.mark.parametrize("when", ["busy", "quiet"])
def test_a_guest_who_cannot_be_understood_ends_neither_the_ticks_nor_the_listening(busy, guest, when):
    if when == "busy":
        become_busy(busy)

    guest.theirs.sendall(b"bad")
    busy.loop.pass_s(SHARED.longest_s)
    guest.theirs.sendall(b"word")
    busy.say("fix")
    busy.loop.pass_s(SHARED.longest_s)

    assert guest.heard == [b"bad", b"word"]
    assert busy.phone.heard[-1] == b"fix"


def test_a_turn_that_cannot_be_told_keeps_no_guest_waiting(busy, guest):
    become_busy(busy)
    release = busy.log.release
    busy.log.release = lambda: 1 / 0
    busy.say("1")
    guest.theirs.sendall(b"word")

    with pytest.raises(ZeroDivisionError):
        busy.loop.pass_s(SHARED.longest_s)
    busy.log.release = release

    assert guest.heard == [b"word"]


def test_what_is_due_is_done_with_a_tick_and_not_before(busy, guests, guest):
    become_busy(busy)
    done: list[str] = []

    guests.soon(0.008, lambda: done.append("later"))
    guests.soon(0, lambda: done.append("now"))
    busy.loop.pass_s(0)
    assert done == []
    busy.loop.pass_s(0.004)
    busy.loop.pass_s(0)
    assert done == ["now"]
    busy.loop.pass_s(0.006)
    busy.loop.pass_s(0.002)

    assert done == ["now", "later"]


def test_what_is_due_when_it_is_quiet_is_done_then(busy, guests):
    done: list[str] = []

    guests.soon(0.008, lambda: done.append("later"))
    guests.soon(-1, lambda: done.append("now"))
    busy.loop.pass_s(0)
    assert done == ["now"]
    busy.loop.pass_s(0.008)

    assert done == ["now", "later"]


def test_what_is_still_due_when_the_ticks_end_is_done_all_the_same(busy, guests, guest):
    become_busy(busy)
    done: list[str] = []
    guests.soon(1.0, lambda: done.append("later"))

    for _ in range(round(2 * WINDOW_S / SHARED.longest_s)):
        busy.loop.pass_s(SHARED.longest_s)
    assert done == []
    assert busy.loop.readers
    busy.loop.pass_s(1.0)

    assert done == ["later"]


def test_what_cannot_be_done_does_not_keep_the_rest_from_being_done(busy, guests, guest):
    become_busy(busy)
    done: list[str] = []

    guests.soon(0, lambda: 1 / 0)
    guests.soon(0, lambda: done.append("now"))
    busy.loop.pass_s(SHARED.longest_s)
    busy.say("fix")
    busy.loop.pass_s(SHARED.longest_s)

    assert done == ["now"]
    assert busy.phone.heard[-1] == b"fix"


@pytest.mark.parametrize("when", ["busy", "quiet"])
def test_guests_and_what_is_due_outlive_the_phones(busy, guests, guest, when):
    """A process that ends says goodbye to the others last."""
    if when == "busy":
        become_busy(busy)
    done: list[str] = []
    guests.soon(0.002, lambda: done.append("later"))

    busy.sockets.close()
    guest.theirs.sendall(b"word")
    busy.loop.pass_s(0.002)
    busy.loop.pass_s(0)

    assert guest.heard == [b"word"]
    assert done == ["later"]


@pytest.mark.parametrize("talks", [True, False])
def test_where_others_are_told_much_ticks_begin_with_less(busy, guests, talks):
    for number in range(800):
        if talks or number % 20 == 0:
            guests.soon(0, lambda: None)
        busy.say(str(number))
        busy.loop.pass_s(WINDOW_S / (1.5 * SHARED.busy_wakes))

    assert busy.ticks is talks


@pytest.mark.parametrize("talks", [True, False])
def test_what_guests_have_to_say_counts_as_load_too(busy, guest, talks):
    """And keeps the ticks going, whether the phones talk or not."""
    for number in range(800):
        if talks or number % 20 == 0:
            guest.theirs.sendall(b"word")
        busy.loop.pass_s(WINDOW_S / (1.5 * SHARED.busy_wakes))

    assert (not busy.loop.readers) is talks


def test_guests_alone_begin_no_patient_ticks(busy, guest):
    busy.log.patient = True
    for _ in range(400):
        guest.theirs.sendall(b"word")
        busy.loop.pass_s(0.001)

    assert len(busy.loop.readers) == 2
    assert len(guest.heard) == 400


def test_the_first_and_the_last_who_watch_live_change_the_step_of_the_ticks_that_are(busy, guest):
    busy.log.patient = True
    busy.talk(until=lambda: len(busy.loop.readers) == 1)

    busy.log.patient = False
    busy.say()
    busy.loop.pass_s(PATIENT.longest_s)
    guest.theirs.sendall(b"1")
    busy.loop.pass_s(0)
    assert guest.heard == []
    busy.loop.pass_s(SHARED.longest_s)
    assert guest.heard == [b"1"]

    busy.log.patient = True
    busy.loop.pass_s(SHARED.longest_s)
    guest.theirs.sendall(b"2")
    busy.loop.pass_s(0)
    assert guest.heard == [b"1", b"2"]
