"""Autobahn's groups 1 (framing), 2 (pings and pongs), 3 (reserved bits) and 4 (opcodes)."""

import pytest

from tests.conformance.cases import Case, ends, play, works
from tests.conformance.peer import BINARY, CLOSE, PING, PONG, TEXT, chopped, frame

HELLO = b"Hello, world!"
NOT_TEXT = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

FRAMING = [
    works(f"1.{group}.{number}", f"{length} bytes of {kind}", [frame(opcode, payload)], (opcode, payload))
    for group, kind, opcode, fill in [(1, "text", TEXT, b"*"), (2, "binary", BINARY, b"\xfe")]
    for number, length in enumerate([0, 125, 126, 127, 128, 65_535, 65_536], 1)
    for payload in [fill * length]
] + [
    works(f"1.{group}.8", f"65536 bytes of {kind}, chopped", chopped(frame(opcode, payload), 997), (opcode, payload))
    for group, kind, opcode, payload in [(1, "text", TEXT, b"*" * 65_536), (2, "binary", BINARY, b"\xfe" * 65_536)]
]

TEN = [b"payload-%d" % number for number in range(10)]
PINGS = [
    works("2.1", "a ping without payload", [frame(PING)], (PONG, b"")),
    works("2.2", "a ping with text", [frame(PING, HELLO)], (PONG, HELLO)),
    works("2.3", "a ping with what is no text", [frame(PING, NOT_TEXT)], (PONG, NOT_TEXT)),
    works("2.4", "a ping of 125 bytes", [frame(PING, b"\xfe" * 125)], (PONG, b"\xfe" * 125)),
    ends("2.5", "a ping of 126 bytes", [frame(PING, b"\xfe" * 126)], code=1002),
    works("2.6", "a ping of 125 bytes, octet by octet", chopped(frame(PING, b"\xfe" * 125)), (PONG, b"\xfe" * 125)),
    works("2.7", "a pong nobody asked for", [frame(PONG)]),
    works("2.8", "a pong with payload nobody asked for", [frame(PONG, b"unsolicited pong payload")]),
    works(
        "2.9",
        "a pong nobody asked for, then a ping",
        [frame(PONG, b"unsolicited pong payload"), frame(PING, b"ping payload")],
        (PONG, b"ping payload"),
    ),
    works("2.10", "ten pings", [frame(PING, each) for each in TEN], *[(PONG, each) for each in TEN]),
    works(
        "2.11",
        "ten pings, octet by octet",
        chopped(b"".join(frame(PING, each) for each in TEN)),
        *[(PONG, each) for each in TEN],
    ),
]


def after_a_greeting(wrong: bytes) -> bytes:
    """A good message, what is wrong, and a ping that is not to be answered."""
    return frame(TEXT, HELLO) + wrong + frame(PING)


RESERVED_BITS = [
    ends("3.1", "a text with reserved bits 1", [frame(TEXT, HELLO, reserved=1)], code=1002),
    ends(
        "3.2",
        "text, text with reserved bits 2, ping, in one write",
        [after_a_greeting(frame(TEXT, HELLO, reserved=2))],
        (TEXT, HELLO),
        code=1002,
    ),
    ends(
        "3.3",
        "text, text with reserved bits 3, ping, a write each",
        [frame(TEXT, HELLO), frame(TEXT, HELLO, reserved=3), frame(PING)],
        (TEXT, HELLO),
        code=1002,
    ),
    ends(
        "3.4",
        "text, text with reserved bits 4, ping, octet by octet",
        chopped(after_a_greeting(frame(TEXT, HELLO, reserved=4))),
        (TEXT, HELLO),
        code=1002,
    ),
    ends("3.5", "a binary message with reserved bits 5", [frame(BINARY, NOT_TEXT, reserved=5)], code=1002),
    ends("3.6", "a ping with reserved bits 6", [frame(PING, HELLO, reserved=6)], code=1002),
    ends("3.7", "a close with reserved bits 7", [frame(CLOSE, reserved=7)], code=1002),
]

OPCODES = [
    case
    for group, first in [(1, 3), (2, 11)]
    for case in [
        ends(f"4.{group}.1", f"opcode {first}", [frame(first)], code=1002),
        ends(f"4.{group}.2", f"opcode {first + 1} with payload", [frame(first + 1, b"reserved opcode")], code=1002),
        ends(
            f"4.{group}.3",
            f"text, opcode {first + 2}, ping, in one write",
            [after_a_greeting(frame(first + 2))],
            (TEXT, HELLO),
            code=1002,
        ),
        ends(
            f"4.{group}.4",
            f"text, opcode {first + 3} with payload, ping, a write each",
            [frame(TEXT, HELLO), frame(first + 3, HELLO), frame(PING)],
            (TEXT, HELLO),
            code=1002,
        ),
        ends(
            f"4.{group}.5",
            f"text, opcode {first + 4} with payload, ping, octet by octet",
            chopped(after_a_greeting(frame(first + 4, HELLO))),
            (TEXT, HELLO),
            code=1002,
        ),
    ]
]


@pytest.mark.parametrize("case", FRAMING + PINGS + RESERVED_BITS + OPCODES, ids=lambda case: case.number)
def test_each_frame_is_answered_or_refused_for_what_its_header_says(case: Case, echo_port: int) -> None:
    assert play(case, echo_port) == case.outcome
