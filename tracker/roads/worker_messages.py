"""What a server and its road worker say to each other: MessagePack, each message behind its length. [pure]"""

from __future__ import annotations

import struct

import msgspec

LENGTH = struct.Struct("<I")


class Request(msgspec.Struct, tag=True, frozen=True):
    """``number`` comes back with the answer."""

    number: int


class WantTree(Request, frozen=True):
    lat: float
    lon: float
    radius_m: float


class WantTimes(Request, frozen=True):
    """Seconds from each origin to each destination, all (lat, lon)."""

    origins: list[tuple[float, float]]
    destinations: list[tuple[float, float]]


class NewSeconds(Request, frozen=True):
    """float32 seconds per edge; None takes back the free-flow ones."""

    edge_s: bytes | None


class Answer(msgspec.Struct, tag=True, frozen=True):
    number: int


class TreeMade(Answer, frozen=True):
    """The arrays of a ``tracker.roads.tree.Tree``; ``goals`` as (edge, metres along it, extra seconds)."""

    goals: list[tuple[int, float, float]]
    left_units: bytes
    left_units_m: bytes
    following: bytes
    shift: dict[int, int] | None


class NoRoadThere(Answer, frozen=True):
    """No road is near the destination."""


class Times(Answer, frozen=True):
    """A row for each origin."""

    seconds: list[list[float | None]]


class Taken(Answer, frozen=True):
    """The new seconds are in use."""


class Failed(Answer, frozen=True):
    """The worker's own words about what went wrong; it lives on."""

    problem: str


encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(WantTree | WantTimes | NewSeconds).decode
decode_answer = msgspec.msgpack.Decoder(TreeMade | NoRoadThere | Times | Taken | Failed).decode


def framed(message: Request | Answer) -> bytes:
    body = encode(message)
    return LENGTH.pack(len(body)) + body
