"""What the Autobahn suite does not ask: every form octet by octet, wrong lengths, floods, peers that just vanish."""

import time
import urllib.request

import pytest

from tests.conformance.cases import Case, ends, play, works
from tests.conformance.peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MASK,
    PING,
    PONG,
    TEXT,
    Peer,
    chopped,
    close,
    fragments,
    frame,
    header,
)

PHONE_SIZED = "/phone-sized"
LIMIT_BYTES = 65_536
SOON_S = 15.0


def octets_where_they_differ(data: bytes) -> list[bytes]:
    """The middle of a long payload is all alike: only its ends come octet by octet."""
    if len(data) < 1000:
        return chopped(data)
    return [*chopped(data[:200]), *chopped(data[200:-200], 4096), *chopped(data[-200:])]


OCTET_BY_OCTET = [
    works(f"{kind}-{size}", "", octets_where_they_differ(frame(opcode, b"x" * size)), (answer, b"x" * size))
    for kind, opcode, answer, sizes in [
        ("text", TEXT, TEXT, [0, 1, 125, 126, 127, 300, 65_535, 65_536]),
        ("binary", BINARY, BINARY, [0, 1, 125, 126, 127, 300, 65_535, 65_536]),
        ("ping", PING, PONG, [0, 1, 125]),
    ]
    for size in sizes
] + [
    works("pong", "", chopped(frame(PONG, b"x"))),
    works(
        "fragments",
        "",
        chopped(b"".join(part + frame(PONG) for part in fragments(TEXT, "añb€c🚐".encode(), 1))),
        (TEXT, "añb€c🚐".encode()),
    ),
    ends("close", "", chopped(close(4999, "tschüß".encode())), code=4999),
    ends("close-empty", "", chopped(close()), code=1000),
]

WITHIN = b"".join(
    part + frame(PING, b"%d" % number) + frame(PONG) for number, part in enumerate(fragments(BINARY, b"abcdef", 2))
)
INTERLEAVED = [
    works(
        "control-frames-after-each-fragment",
        "the last ping follows the message, so its pong may come before or after",
        [WITHIN[: -len(frame(PING, b"2") + frame(PONG))]],
        (PONG, b"0"),
        (PONG, b"1"),
        (BINARY, b"abcdef"),
    ),
    works("20000-empty-fragments", "", [frame(TEXT, b"a", final=False),
        frame(CONTINUATION, final=False) * 20_000, frame(CONTINUATION, b"b")], (TEXT, b"ab")),
    works("one-byte-fragments", "", [b"".join(fragments(BINARY, b"x" * 20_000, 1))], (BINARY, b"x" * 20_000)),
]  # fmt: skip

# Only the beginning is sent: a server that waits for more never answers.
REFUSED_AT_THE_HEADER = [
    *(
        ends(f"{length}-in-{octets}-octets", "a length in more octets than it takes",
             [header(opcode, length, octets=octets) + MASK], code=1002)
        for octets, lengths in [(2, [0, 1, 125]), (8, [0, 125, 126, 65_535])]
        for length in lengths
        for opcode in [TEXT if length % 2 else BINARY]
    ),
    *(
        ends(f"length-{length:#x}", "the highest bit of the length", [header(BINARY, length, octets=8)], code=1002)
        for length in [2**63, 2**63 + 5, 2**64 - 1]
    ),
    *(
        ends(f"long-{name}", "a control frame whose length is not in the second byte",
             [header(opcode, 5, octets=octets)], code=1002)
        for octets in [2, 8]
        for name, opcode in [("ping", PING), ("pong", PONG), ("close", CLOSE)]
    ),
    *(
        ends(f"unmasked-{opcode:#x}", "not masked", [header(opcode, length, mask=False)], code=1002)
        for opcode, length in [(TEXT, 5), (BINARY, 300), (PING, 0), (PONG, 5), (CLOSE, 2)]
    ),
    *(
        ends(f"first-byte-{first:#04x}", "what is wrong with the first byte alone", [bytes((first,))], code=1002)
        for first in [0x80, 0x00, 0x83, 0x8B, 0xC1, 0xA1, 0x91, 0x09, 0x0A, 0x08, 0xFF]
    ),
    ends("text-within-a-text", "", [frame(TEXT, b"a", final=False) + b"\x81"], code=1002),
]  # fmt: skip

BIG = b"x" * LIMIT_BYTES
LIMITED = [
    works("the-limit", "", [frame(TEXT, BIG), frame(BINARY, BIG)], (TEXT, BIG), (BINARY, BIG)),
    works("the-limit-in-fragments", "", fragments(BINARY, BIG, 4096) * 2, (BINARY, BIG), (BINARY, BIG)),
    ends("one-more", "", [header(TEXT, LIMIT_BYTES + 1)], code=1009),
    ends("the-largest-length", "", [header(BINARY, 2**63 - 1)], code=1009),
    ends("one-more-in-fragments", "", [frame(TEXT, BIG[1:], final=False), header(CONTINUATION, 2)], code=1009),
    ends(
        "one-more-after-a-good-one",
        "",
        [frame(TEXT, b"good") + header(TEXT, LIMIT_BYTES + 1)],
        (TEXT, b"good"),
        code=1009,
    ),
]


@pytest.mark.parametrize("case", OCTET_BY_OCTET + INTERLEAVED + REFUSED_AT_THE_HEADER, ids=lambda case: case.number)
def test_every_form_is_answered_and_every_wrong_one_refused_at_once(case: Case, echo_port: int) -> None:
    assert play(case, echo_port) == case.outcome


@pytest.mark.parametrize("case", LIMITED, ids=lambda case: case.number)
def test_a_message_may_have_64_kib_and_not_one_byte_more(case: Case, echo_port: int) -> None:
    assert play(case, echo_port, PHONE_SIZED) == case.outcome


def test_frames_in_the_segment_of_the_handshake_count(echo_port: int) -> None:
    with Peer(echo_port, early=frame(TEXT, b"1") + frame(TEXT, b"2")[:5]) as peer:
        peer.write(frame(TEXT, b"2")[5:])
        peer.wait_for(2)
        peer.write(close(1000))
        peer.wait_for_end()

    assert (peer.heard, peer.closed_with) == ([(TEXT, b"1"), (TEXT, b"2")], 1000)


def test_a_flood_of_pings_is_answered_in_order(echo_port: int) -> None:
    pings = [b"%d" % number for number in range(20_000)]
    with Peer(echo_port) as peer:
        for first in range(0, len(pings), 1000):
            peer.write(b"".join(frame(PING, ping) for ping in pings[first : first + 1000]))
            peer.wait_for(first + 1000)
        peer.write(close(1000))
        peer.wait_for_end()

    assert peer.heard == [(PONG, ping) for ping in pings]
    assert peer.closed_with == 1000


def test_who_pings_without_reading_the_pongs_is_held_back(echo_port: int) -> None:
    """What the server may hold for a peer is bounded: at some point it listens no more. Nothing is lost by that."""
    ping = frame(PING, b"x" * 125)
    far_more_than_sockets_hold = ping * 500_000
    with Peer(echo_port) as peer:
        sent = peer.write_what_fits(far_more_than_sockets_hold, wait_s=1.0)
        whole, part = divmod(sent, len(ping))
        held_back = sent < len(far_more_than_sockets_hold)
        peer.wait_for(whole)
        if part:
            peer.write(ping[part:])
        peer.write(close(1000))
        peer.wait_for_end()

    assert held_back
    assert len(peer.heard) == whole + (part > 0)
    assert set(peer.heard) == {(PONG, b"x" * 125)}
    assert peer.closed_with == 1000


@pytest.mark.parametrize(
    "last_words", [b"", frame(PONG), frame(TEXT, b"x"), frame(TEXT, b"x")[:4], frame(PONG) + close(1000)]
)
def test_who_hangs_up_right_after_their_last_words_is_not_kept(last_words: bytes, echo_port: int) -> None:
    for _ in range(50):
        with Peer(echo_port) as peer:
            peer.write(last_words)

    deadline_s = time.monotonic() + SOON_S
    while connections(echo_port) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert connections(echo_port) == 0


def connections(port: int) -> int:
    """How many the server holds."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/connections") as answer:
        return int(answer.read())
