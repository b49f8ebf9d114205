"""Autobahn's group 5: messages in fragments, with control frames between them."""

import pytest

from tests.conformance.cases import Answers, Case, ends, play, works
from tests.conformance.peer import CONTINUATION, PING, PONG, TEXT, chopped, frame

ONE, TWO, THREE, FOUR, FIVE = (b"fragment%d" % number for number in range(1, 6))
PING_1, PING_2 = b"pongme 1!", b"pongme 2!"


def three_ways(frames: list[bytes]) -> list[tuple[str, list[bytes]]]:
    """All in one write, a write for each frame, a write for each octet."""
    whole = b"".join(frames)
    return [("in one write", [whole]), ("a write each", frames), ("octet by octet", chopped(whole))]


def numbered(first: int, frames: list[bytes]) -> list[tuple[str, str, list[bytes]]]:
    return [(f"5.{number}", way, writes) for number, (way, writes) in enumerate(three_ways(frames), first)]


CONTROL_FRAMES = [
    ends(number, f"a {name} in two fragments", [frame(opcode, ONE, final=False), frame(CONTINUATION, TWO)], code=1002)
    for number, name, opcode in [("5.1", "ping", PING), ("5.2", "pong", PONG)]
]

TWO_FRAGMENTS = [frame(TEXT, ONE, final=False), frame(CONTINUATION, TWO)]
WITH_A_PING_WITHIN = [frame(TEXT, ONE, final=False), frame(PING, PING_1), frame(CONTINUATION, TWO)]
JOINED = [
    works(number, f"two fragments, {way}", writes, (TEXT, ONE + TWO))
    for number, way, writes in numbered(3, TWO_FRAGMENTS)
] + [
    works(number, f"two fragments around a ping, {way}", writes, (PONG, PING_1), (TEXT, ONE + TWO))
    for number, way, writes in numbered(6, WITH_A_PING_WITHIN)
]

NOTHING_TO_CONTINUE = [
    ends(number, f"a continuation (FIN {final}) of nothing, then a text, {way}", writes, code=1002)
    for first, final in [(9, True), (12, False)]
    for number, way, writes in numbered(first, [frame(CONTINUATION, ONE, final=final), frame(TEXT, TWO)])
] + [
    ends(
        "5.15",
        "two fragments, then a continuation of nothing and a text, in one write",
        [b"".join([*TWO_FRAGMENTS, frame(CONTINUATION, THREE, final=False), frame(TEXT, FOUR)])],
        (TEXT, ONE + TWO),
        code=1002,
    ),
    *(
        ends(
            number,
            f"twice a continuation (FIN {final}) of nothing, then two fragments",
            [frame(CONTINUATION, ONE, final=final), frame(TEXT, TWO, final=False), frame(CONTINUATION, THREE)] * 2,
            code=1002,
        )
        for number, final in [("5.16", False), ("5.17", True)]
    ),
    ends("5.18", "both fragments say text", [frame(TEXT, ONE, final=False), frame(TEXT, TWO)], code=1002),
]

# The first ping must be answered while the message is not over.
BEGINNING = [frame(TEXT, ONE, final=False), frame(CONTINUATION, TWO, final=False), frame(PING, PING_1)]
END = [
    frame(CONTINUATION, THREE, final=False),
    frame(CONTINUATION, FOUR, final=False),
    frame(PING, PING_2),
    frame(CONTINUATION, FIVE),
]
ANSWERED = [(PONG, PING_1), (PONG, PING_2), (TEXT, ONE + TWO + THREE + FOUR + FIVE)]
PINGS_WITHIN = [
    works("5.19", "five fragments with pings", [b"".join(BEGINNING), Answers(1), b"".join(END)], *ANSWERED),
    works("5.20", "five fragments with pings, a write each", [*BEGINNING, Answers(1), *END], *ANSWERED),
]


@pytest.mark.parametrize(
    "case", CONTROL_FRAMES + JOINED + NOTHING_TO_CONTINUE + PINGS_WITHIN, ids=lambda case: case.number
)
def test_fragments_are_joined_in_order_or_refused(case: Case, echo_port: int) -> None:
    assert play(case, echo_port) == case.outcome
