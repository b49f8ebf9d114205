"""What the processes of an installation say to each other. Arrays on the wire: fields may only be added at the end.

``fence`` is the number under which the sender owns the technician: it grows with every owner, and whoever has heard of
a greater one refuses what bears a smaller.
"""

from __future__ import annotations

import msgspec

from tracker.messages import Fix


class Word(msgspec.Struct, array_like=True, gc=False):
    """Base of all of them."""


class Owns(Word, tag=1):
    """The sender owns these technicians: id, fence."""

    technicians: list[tuple[str, int]]


class Wants(Word, tag=2):
    """The sender has watchers of these topics; their owners pass on what they tell, and begin with a ``View``."""

    topics: list[str]


class Unwants(Word, tag=3):
    topics: list[str]


class Told(Word, tag=4):
    """A position (``conflates``) or a line of a trip, as the owner told it to its own watchers."""

    trip: str
    fence: int
    payload: bytes
    conflates: bool
    technician: str


class View(Word, tag=5):
    """The newest of each kind that the owner has told of a trip; JSON messages."""

    trip: str
    fence: int
    position: bytes | None
    route: bytes | None
    arrival: bytes | None
    technician: str


class ArrivalTold(Word, tag=6):
    trip: str
    fence: int
    payload: bytes
    technician: str


class PageTold(Word, tag=7):
    topic: str
    payload: bytes


class RowsTold(Word, tag=8):
    """A board message."""

    payload: bytes


class Fixes(Word, tag=9):
    """For the owner to take in; ``number`` names the question."""

    number: int
    technician: str
    fixes: list[Fix]


class FixesTaken(Word, tag=10):
    """They are on disk. One verdict for each, by its word; None when the technician is not the answerer's own."""

    number: int
    verdicts: list[str] | None


class GiveUp(Word, tag=11):
    """The phone is connected to the sender: please let the technician go."""

    number: int
    technician: str


class Given(Word, tag=12):
    """``kept``: a phone of the technician is connected here too. Otherwise ``state`` is where they are."""

    number: int
    kept: bool
    state: bytes | None


class Change(Word, tag=13):
    """Something that every process has to know before it counts as done; the body belongs to who sends it."""

    number: int
    body: bytes


class Done(Word, tag=14):
    number: int
    body: bytes


class Again(Word, tag=15):
    """Words of the receiver were lost: please say again what you own and want."""


Words = (
    Owns
    | Wants
    | Unwants
    | Told
    | View
    | ArrivalTold
    | PageTold
    | RowsTold
    | Fixes
    | FixesTaken
    | GiveUp
    | Given
    | Change
    | Done
    | Again
)

encode_word = msgspec.msgpack.Encoder().encode
decode_word = msgspec.msgpack.Decoder(Words).decode
"""Raises ``msgspec.DecodeError`` for anything else."""
