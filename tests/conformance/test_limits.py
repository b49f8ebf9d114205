"""Autobahn's groups 9 (limits and performance) and 10 (automatic fragmentation).

By default the messages of group 9 are a sixteenth of the suite's, and a tenth of its round trips is made. Each case in
its own size is marked `full`. The suite fills its messages with ASCII; here text is of characters of every length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conformance.peer import BINARY, TEXT, Peer, chopped, close, fragments, frame

KIB, MIB = 2**10, 2**20
REDUCED = 16
REDUCED_ROUND_TRIPS = 10


@dataclass(frozen=True)
class Load:
    """One message. Zero: not fragmented, not chopped."""

    number: str
    opcode: int
    size: int
    fragment_bytes: int = 0
    chop_bytes: int = 0


def payload_of(opcode: int, size: int) -> bytes:
    unit = "BAsd7&jh23 κόσμε 🚐 ".encode() if opcode == TEXT else bytes(range(256))
    payload = (unit * (size // len(unit) + 1))[:size]
    if opcode == TEXT:
        payload = payload.decode(errors="ignore").encode().ljust(size, b"*")
    return payload


def loads() -> Iterator[Load]:
    for second, opcode in [(1, TEXT), (2, BINARY)]:
        for third, size in enumerate([64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB], 1):
            yield Load(f"9.{second}.{third}", opcode, size)
    for second, opcode in [(3, TEXT), (4, BINARY)]:
        for third in range(1, 10):
            yield Load(f"9.{second}.{third}", opcode, 4 * MIB, fragment_bytes=64 * 4 ** (third - 1))
    for second, opcode in [(5, TEXT), (6, BINARY)]:
        for third in range(1, 7):
            yield Load(f"9.{second}.{third}", opcode, MIB, chop_bytes=64 * 2 ** (third - 1))


LOADS = list(loads())


def echoed(load: Load, size: int, port: int) -> tuple[int, bool, int | None]:
    """Opcode of what came back, whether it is what was sent, and the code at the end."""
    payload = payload_of(load.opcode, size)
    frames = (
        fragments(load.opcode, payload, load.fragment_bytes) if load.fragment_bytes else [frame(load.opcode, payload)]
    )
    data = b"".join(frames)
    with Peer(port) as peer:
        for write in chopped(data, load.chop_bytes) if load.chop_bytes else [data]:
            peer.write(write)
        peer.wait_for(1)
        peer.write(close(1000))
        peer.wait_for_end()
    [(opcode, heard)] = peer.heard
    return opcode, heard == payload, peer.closed_with


def round_trips(opcode: int, size: int, count: int, port: int) -> int | None:
    """Message by message, each sent when the last is back; the code at the end."""
    payload = payload_of(opcode, size)
    data = frame(opcode, payload)
    with Peer(port) as peer:
        for _ in range(count):
            peer.write(data)
            peer.wait_for(1)
            assert peer.heard == [(opcode, payload)]
            peer.heard.clear()
        peer.write(close(1000))
        peer.wait_for_end()
    return peer.closed_with


ROUND_TRIPS = [
    pytest.param(opcode, size, id=f"9.{second}.{third}")
    for second, opcode in [(7, TEXT), (8, BINARY)]
    for third, size in enumerate([0, 16, 64, 256, 1024, 4096], 1)
]


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.number)
def test_a_large_message_comes_back_however_it_was_cut(load: Load, echo_port: int) -> None:
    assert echoed(load, load.size // REDUCED, echo_port) == (load.opcode, True, 1000)


@pytest.mark.full
@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.number)
def test_a_message_of_full_size_comes_back_however_it_was_cut(load: Load, echo_port: int) -> None:
    assert echoed(load, load.size, echo_port) == (load.opcode, True, 1000)


@pytest.mark.parametrize(("opcode", "size"), ROUND_TRIPS)
def test_messages_come_back_one_after_the_other(opcode: int, size: int, echo_port: int) -> None:
    assert round_trips(opcode, size, 1000 // REDUCED_ROUND_TRIPS, echo_port) == 1000


@pytest.mark.full
@pytest.mark.parametrize(("opcode", "size"), ROUND_TRIPS)
def test_a_thousand_messages_come_back_one_after_the_other(opcode: int, size: int, echo_port: int) -> None:
    assert round_trips(opcode, size, 1000, echo_port) == 1000


@pytest.mark.parametrize("load", [Load("10.1.1", TEXT, 64 * KIB, fragment_bytes=1300)], ids=lambda load: load.number)
def test_a_message_in_fragments_of_1300_bytes_comes_back_whole(load: Load, echo_port: int) -> None:
    sent = fragments(load.opcode, payload_of(load.opcode, load.size), load.fragment_bytes)

    assert len(sent) == 51
    assert echoed(load, load.size, echo_port) == (load.opcode, True, 1000)
