"""What a case is, and how it is played.

The numbers are those of the Autobahn test suite, which runs on Python 2 alone; the cases are written anew from RFC 6455
and from what its public list says of each. Where that list lets a server choose, ours is held to one answer: it fails
at the first octet that shows the fault, by a close frame with the right code, and echoes every message before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.conformance.peer import Heard, Peer, close


@dataclass(frozen=True)
class Answers:
    """Wait here until so many frames have come back in all."""

    count: int


@dataclass(frozen=True)
class Case:
    """``sends``: writes, one segment each, and waits between them. ``closes``: the code the server closes with;
    ``we_close``: it is asked to, once it has said all of ``hears``."""

    number: str
    says: str
    sends: Sequence[bytes | Answers]
    hears: tuple[Heard, ...]
    closes: int
    we_close: bool

    @property
    def outcome(self) -> tuple[tuple[Heard, ...], int]:
        return self.hears, self.closes


def works(number: str, says: str, sends: Sequence[bytes | Answers], *hears: Heard) -> Case:
    """The server answers, and the connection is as good as before."""
    return Case(number, says, sends, hears, closes=1000, we_close=True)


def ends(number: str, says: str, sends: Sequence[bytes | Answers], *hears: Heard, code: int) -> Case:
    """The server closes the connection: because of a fault, or because the case says close."""
    return Case(number, says, sends, hears, closes=code, we_close=False)


def play(case: Case, port: int, path: str = "/") -> tuple[tuple[Heard, ...], int | None]:
    """What the server answered, and what it closed with."""
    with Peer(port, path) as peer:
        for step in case.sends:
            if isinstance(step, Answers):
                peer.wait_for(step.count)
            else:
                peer.write(step)
        if case.we_close:
            peer.wait_for(len(case.hears))
            peer.write(close(1000))
        peer.wait_for_end()
    return tuple(peer.heard), peer.closed_with
