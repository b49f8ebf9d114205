"""Autobahn's group 6: a text message is UTF-8, and one that is not fails at the first octet that shows it."""

from collections import Counter

import pytest

from tests.conformance.cases import Answers, Case, ends, play, works
from tests.conformance.peer import (
    CONTINUATION,
    MASK,
    PING,
    PONG,
    TEXT,
    chopped,
    fragments,
    frame,
    header,
    masked,
)
from tests.conformance.utf8 import GREEK, SEQUENCES

ACCENTS_1, ACCENTS_2 = "Hello-µ@ßöä".encode(), "üàá-UTF-8!!".encode()
ACCENTS = ACCENTS_1 + ACCENTS_2
WITH_A_SURROGATE = GREEK + b"\xed\xa0\x80" + b"edited"
# Wrong from octet 12 on, the 0x90: U+110000 would be beyond the last character.
TOO_HIGH = b"\xf4\x90\x80\x80"
MIDDLE = b"middle frame payload"
NOTHING = frame(CONTINUATION, final=False)

EMPTY_FRAGMENTS = [
    works("6.1.1", "an empty text", [frame(TEXT)], (TEXT, b"")),
    works("6.1.2", "three empty fragments", [frame(TEXT, final=False), NOTHING, frame(CONTINUATION)], (TEXT, b"")),
    works(
        "6.1.3",
        "two empty fragments around one that is not",
        [frame(TEXT, final=False), frame(CONTINUATION, MIDDLE, final=False), frame(CONTINUATION)],
        (TEXT, MIDDLE),
    ),
]

VALID = [
    works("6.2.1", "in one frame", [frame(TEXT, ACCENTS)], (TEXT, ACCENTS)),
    works(
        "6.2.2",
        "two fragments, cut between characters",
        [frame(TEXT, ACCENTS_1, final=False), frame(CONTINUATION, ACCENTS_2)],
        (TEXT, ACCENTS),
    ),
    works("6.2.3", "fragments of one octet", fragments(TEXT, ACCENTS, 1), (TEXT, ACCENTS)),
    works("6.2.4", "fragments of one octet, all characters longer", fragments(TEXT, GREEK, 1), (TEXT, GREEK)),
]

INVALID = [
    ends("6.3.1", "in one frame", [frame(TEXT, WITH_A_SURROGATE)], code=1007),
    ends("6.3.2", "fragments of one octet", fragments(TEXT, WITH_A_SURROGATE, 1), code=1007),
]


def never_finished(number: str, says: str, good: bytes, wrong: bytes) -> list[Case]:
    """Nothing follows the wrong part: a server that waits for the rest of its message never answers.

    Between fragments a ping shows that the good part alone was taken; within a frame nothing can be asked.
    """
    first, second = frame(TEXT, good, final=False), frame(CONTINUATION, wrong, final=False)
    in_frames = [first, frame(PING, b"well?"), Answers(1), second]
    start = header(TEXT, len(good + wrong) + 6) + MASK
    payload = masked(good + wrong)
    in_chops = [start + payload[: len(good)], payload[len(good) :]]
    octets = chopped(start + payload)
    return [
        ends(f"6.4.{number}", f"{says}, in fragments", in_frames, (PONG, b"well?"), code=1007),
        ends(f"6.4.{int(number) + 2}", f"{says}, in chops of one frame", in_chops, code=1007),
        ends(f"6.4.{int(number) + 2}-octets", f"{says}, in one frame octet by octet", octets, code=1007),
    ]


FAIL_FAST = [
    *never_finished("1", "the whole wrong character", GREEK, TOO_HIGH),
    *never_finished("2", "no more than the wrong octet", GREEK + TOO_HIGH[:1], TOO_HIGH[1:2]),
]

ONE_FRAME_EACH = [
    works(number, "is UTF-8", [frame(TEXT, octets)], (TEXT, octets))
    if is_utf8
    else ends(number, "is not UTF-8", [frame(TEXT, octets)], code=1007)
    for number, octets, is_utf8 in SEQUENCES
]


@pytest.mark.parametrize(
    "case", EMPTY_FRAGMENTS + VALID + INVALID + FAIL_FAST + ONE_FRAME_EACH, ids=lambda case: case.number
)
def test_text_is_echoed_when_it_is_utf8_and_refused_when_it_is_not(case: Case, echo_port: int) -> None:
    assert play(case, echo_port) == case.outcome


def test_no_sequence_of_the_list_is_missing() -> None:
    sizes = Counter(int(number.split(".")[1]) for number, _, _ in SEQUENCES)

    assert sizes == dict(enumerate([5, 11, 4, 2, 4, 3, 5, 8, 5, 10, 1, 3, 5, 5, 5, 7, 8, 34, 7], 5))
