"""Autobahn's group 7: how a connection ends."""

import pytest

from tests.conformance.cases import Case, ends, play
from tests.conformance.peer import BINARY, CONTINUATION, PING, TEXT, close, fragments, frame
from tests.conformance.utf8 import GREEK

HELLO = b"Hello World!"
LONG = (b"BAsd7&jh23" * 26_215)[: 256 * 2**10]
# Informational: the suite lets a server close first and drop the messages. Ours says back what it heard before.
LONG_THEN_CLOSE = [frame(TEXT, LONG), frame(TEXT, HELLO), close(1000), frame(PING)]

MAY_BE_SENT = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
MAY_NOT_BE_SENT = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

ORDER = [
    ends("7.1.1", "a text, then close", [frame(TEXT, HELLO), close(1000)], (TEXT, HELLO), code=1000),
    ends("7.1.2", "close twice", [close(1000), close()], code=1000),
    ends("7.1.3", "a ping after close", [close(1000), frame(PING)], code=1000),
    ends("7.1.4", "a text after close", [close(1000), frame(TEXT, HELLO)], code=1000),
    ends(
        "7.1.5",
        "close between two fragments",
        [frame(TEXT, b"fragment1", final=False), close(1000), frame(CONTINUATION, b"fragment2")],
        code=1000,
    ),
    ends("7.1.6", "256 KiB, a text, close, a ping", LONG_THEN_CLOSE, (TEXT, LONG), (TEXT, HELLO), code=1000),
]
ORDER += [
    ends(f"{case.number}-at-once", f"{case.says}, in one write", [b"".join(case.sends)], *case.hears, code=case.closes)
    for case in ORDER
]

PAYLOADS = [
    ends("7.3.1", "no payload", [close()], code=1000),
    ends("7.3.2", "half a code", [frame(0x8, b"a")], code=1002),
    ends("7.3.3", "a code", [close(1000)], code=1000),
    ends("7.3.4", "a code and a reason", [close(1000, HELLO)], code=1000),
    ends("7.3.5", "a code and the longest reason", [close(1000, b"*" * 123)], code=1000),
    ends("7.3.6", "a code and a reason too long", [close(1000, b"*" * 124)], code=1002),
    ends("7.5.1", "a reason that is not UTF-8", [close(1000, GREEK + b"\xed\xa0\x80edited")], code=1007),
]

CODES = [
    *(
        ends(f"7.7.{number}", f"code {code}", [close(code)], code=code)
        for number, code in enumerate(MAY_BE_SENT, 1)
    ),
    *(
        ends(f"7.9.{number}", f"code {code}", [close(code)], code=1002)
        for number, code in enumerate(MAY_NOT_BE_SENT, 1)
    ),
    # Informational: RFC 6455 does not say. Ours knows no codes from 5000 on.
    ends("7.13.1", "code 5000", [close(5000)], code=1002),
    ends("7.13.2", "code 65535", [close(65_535)], code=1002),
]  # fmt: skip


@pytest.mark.parametrize("case", ORDER + PAYLOADS + CODES, ids=lambda case: case.number)
def test_a_close_is_answered_with_its_code_or_with_what_is_wrong_with_it(case: Case, echo_port: int) -> None:
    assert play(case, echo_port) == case.outcome


# Beyond the suite


@pytest.mark.parametrize("after", [b"\xff" * 40, frame(BINARY, b"x")[:3], frame(0x3), b"\x00" * 70_000])
def test_what_follows_a_close_in_the_same_write_is_not_looked_at(after: bytes, echo_port: int) -> None:
    case = ends("", "bytes that are no frame", [frame(TEXT, HELLO) + close(4000) + after], (TEXT, HELLO), code=4000)

    assert play(case, echo_port) == case.outcome


def test_messages_of_many_frames_before_a_close_are_all_echoed(echo_port: int) -> None:
    frames = [part for number in range(50) for part in fragments(TEXT, b"message %d" % number, 4)]
    heard = tuple((TEXT, b"message %d" % number) for number in range(50))
    case = ends("", "fifty messages, then close", [b"".join(frames) + close(1001)], *heard, code=1001)

    assert play(case, echo_port) == case.outcome
