import sys
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close as PeerClose
from websockets.frames import Frame, Opcode

from tracker.errors import FrameError
from tracker.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MAX_MESSAGE_BYTES,
    PING,
    PONG,
    TEXT,
    FrameParser,
    close_frame,
    frame,
    parse_close,
)

MASK = b"\x37\xfa\x21\x3d"
LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536]


def client(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """A client's frame as the websockets library writes it."""
    return Frame(Opcode(opcode), payload, final).serialize(mask=True)


def header(opcode: int, length: int, *, bits: int = 0x80, masked: bool = True) -> bytes:
    """The beginning of a client frame, written by hand."""
    mask = 0x80 if masked else 0
    if length < 126:
        return bytes((bits | opcode, mask | length))
    if length < 65_536:
        return bytes((bits | opcode, mask | 126)) + length.to_bytes(2, "big")
    return bytes((bits | opcode, mask | 127)) + length.to_bytes(8, "big")


def feed_split(parser: FrameParser, data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    messages = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in pairwise(edges):
        messages += parser.feed(data[start:stop])
    return messages


def refused(data: bytes, *, max_bytes: int = MAX_MESSAGE_BYTES) -> int:
    """The close code that answers these bytes."""
    with pytest.raises(FrameError) as caught:
        FrameParser(max_bytes).feed(data)
    assert str(caught.value)
    return caught.value.close_code


# Server frames


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_server_frame_is_the_one_the_websockets_library_builds(length, opcode):
    payload = b"x" * length

    assert frame(payload, opcode) == Frame(Opcode(opcode), payload).serialize(mask=False)


def test_a_close_frame_is_the_one_the_websockets_library_builds():
    assert close_frame(4413, "too slow") == Frame(Opcode.CLOSE, PeerClose(4413, "too slow").serialize()).serialize(
        mask=False
    )


@pytest.mark.parametrize("reason", ["x" * 200, "é" * 100, "🚐" * 50])
def test_a_long_reason_is_cut_at_a_whole_character(reason):
    sent = close_frame(1011, reason)

    assert len(sent) <= 2 + 125
    assert reason.startswith(sent[4:].decode())


# Messages


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_any_length_form_is_read(length, opcode):
    payload = bytes(number % 128 for number in range(length))

    assert FrameParser().feed(client(payload, opcode)) == [(opcode, payload)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_536])
def test_bytes_may_come_one_by_one(length):
    parser = FrameParser()
    data = client(b"x" * length) + client(b"!", PING)
    # The middle of a long payload comes in one piece: its single bytes are all alike.
    head, tail = data[:200], data[-200:] if len(data) > 400 else data[200:]
    middle = data[200:-200] if len(data) > 400 else b""

    messages = [message for byte in head for message in parser.feed(bytes((byte,)))]
    messages += parser.feed(middle)
    messages += [message for byte in tail for message in parser.feed(bytes((byte,)))]

    assert messages == [(TEXT, b"x" * length), (PING, b"!")]


def test_several_messages_of_one_read_come_in_order():
    data = client(b"1") + client(b"\xff\x00", BINARY) + client(b"", PONG) + client(b"2")

    assert FrameParser().feed(data) == [(TEXT, b"1"), (BINARY, b"\xff\x00"), (PONG, b""), (TEXT, b"2")]


messages_strategy = st.lists(
    st.one_of(
        st.tuples(st.just(TEXT), st.text(max_size=200).map(str.encode)),
        st.tuples(st.just(BINARY), st.binary(max_size=70_000 // 100)),
        st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    ),
    max_size=8,
)


@given(messages=messages_strategy, cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_messages_survive_any_cutting_of_the_stream(messages, cuts):
    data = b"".join(client(payload, opcode) for opcode, payload in messages)

    assert feed_split(FrameParser(), data, cuts) == messages


@given(
    text=st.text(max_size=300),
    cuts=st.lists(st.integers(0, 1_000), min_size=1, max_size=6),
    reads=st.lists(st.integers(0, 10_000), max_size=6),
)
def test_fragments_join_though_control_frames_and_characters_are_split_between_them(text, cuts, reads):
    payload = text.encode()
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    parts = [payload[start:stop] for start, stop in pairwise(edges)]
    data = b"".join(
        client(part, CONTINUATION if number else TEXT, final=number == len(parts) - 1) + client(b"p", PING)
        for number, part in enumerate(parts)
    )

    messages = feed_split(FrameParser(), data, reads)

    assert [payload for opcode, payload in messages if opcode == PING] == [b"p"] * len(parts)
    # The last ping follows the message; all others came before it.
    assert messages[-2:] == [(TEXT, payload), (PING, b"p")]


def test_after_a_fragmented_message_the_next_one_may_be_full_size():
    parser = FrameParser(max_bytes=100)
    parser.feed(client(b"x" * 60, final=False) + client(b"y" * 40, CONTINUATION))

    assert parser.feed(client(b"z" * 100)) == [(TEXT, b"z" * 100)]


def test_endless_empty_fragments_hold_no_memory():
    parser = FrameParser()
    parser.feed(client(b"a", final=False))
    empty = client(b"", CONTINUATION, final=False)

    tracemalloc.start()
    for _ in range(2_000):
        parser.feed(empty)
    held_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert held_bytes < 2_000
    assert parser.feed(client(b"b", CONTINUATION)) == [(TEXT, b"ab")]


def test_a_message_in_tiny_fragments_takes_no_more_memory_than_its_bytes():
    parser = FrameParser()
    fragment = client(b"ab", CONTINUATION, final=False)
    parser.feed(client(b"", BINARY, final=False))

    tracemalloc.start()
    for _ in range(5_000):
        parser.feed(fragment)
    held_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert held_bytes < 2 * 10_000


def test_an_idle_parser_holds_next_to_nothing():
    parser = FrameParser()
    parser.feed(client(b"a message before"))

    assert not hasattr(parser, "__dict__")
    assert sys.getsizeof(parser) <= 72
    # A compiled class has no __slots__.
    held = {name: getattr(parser, name) for name in dir(parser) if not name.startswith("__") and name != "max_bytes"}
    assert not any(value for value in held.values() if not callable(value))


def test_what_came_before_an_error_in_the_same_read_is_not_lost():
    parser = FrameParser()

    with pytest.raises(FrameError):
        parser.feed(client(b"1") + client(b"p", PING) + client(b"2") + client(b"", 0) + client(b"3"))

    assert parser.before_error == [(TEXT, b"1"), (PING, b"p"), (TEXT, b"2")]


def test_what_follows_a_close_in_the_same_read_is_not_looked_at():
    assert FrameParser().feed(client(b"1") + client(b"", CLOSE) + b"\xff" * 20) == [(TEXT, b"1"), (CLOSE, b"")]


# What RFC 6455 forbids


@pytest.mark.parametrize("bit", [0x40, 0x20, 0x10])
@pytest.mark.parametrize("opcode", [TEXT, CONTINUATION, PING])
def test_reserved_bits_are_refused(bit, opcode):
    assert refused(header(opcode, 0, bits=0x80 | bit) + MASK) == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF])
def test_unknown_opcodes_are_refused(opcode):
    assert refused(header(opcode, 0) + MASK) == 1002


@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_an_unmasked_frame_is_refused_from_its_second_byte_on(opcode):
    assert refused(header(opcode, 5, masked=False)) == 1002


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frames_are_short_and_whole(opcode):
    assert refused(header(opcode, 126)) == 1002
    assert refused(header(opcode, 65_536)) == 1002
    assert refused(header(opcode, 1, bits=0)) == 1002


def test_a_continuation_needs_a_beginning():
    assert refused(client(b"x", CONTINUATION)) == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("final", [True, False])
def test_a_new_message_inside_a_fragmented_one_is_refused(opcode, final):
    assert refused(client(b"x", final=False) + client(b"y", opcode, final=final)) == 1002


@pytest.mark.parametrize("payload", [b"\xff", b"\xc3\x28", b"caf\xe9", b"\xed\xa0\x80", b"ok \xf0\x9f\x9a"])
def test_text_that_is_not_utf8_is_refused_whole_or_in_pieces(payload):
    assert refused(client(payload)) == 1007
    assert refused(client(payload[:1], final=False) + client(payload[1:], CONTINUATION)) == 1007


def test_binary_may_be_anything():
    assert FrameParser().feed(client(b"\xff\xfe", BINARY)) == [(BINARY, b"\xff\xfe")]


@pytest.mark.parametrize("length", [101, 126, 65_536, 2**62, 2**63 - 1])
def test_an_oversize_message_is_refused_at_its_header_without_waiting_for_the_payload(length):
    assert refused(header(TEXT, length), max_bytes=100) == 1009


@pytest.mark.parametrize("length", [2**63, 2**64 - 1])
def test_the_highest_bit_of_a_length_is_not_set(length):
    assert refused(header(TEXT, length), max_bytes=100) == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(("octets", "length"), [(2, 0), (2, 125), (8, 0), (8, 125), (8, 126), (8, 65_535)])
def test_a_length_has_its_shortest_form(opcode, octets, length):
    data = bytes((0x80 | opcode, 0x80 | (126 if octets == 2 else 127))) + length.to_bytes(octets, "big")

    assert refused(data) == 1002


@pytest.mark.parametrize("first", [0x80, 0x00, 0x83, 0x8B, 0xC1, 0x08, 0x09])
def test_a_wrong_first_byte_is_refused_by_itself(first):
    assert refused(bytes((first,))) == 1002


def test_fragments_that_add_up_to_too_much_are_refused_at_the_header_that_does_it():
    data = client(b"x" * 60, final=False) + header(CONTINUATION, 41)

    assert refused(data, max_bytes=100) == 1009


@given(data=st.binary(max_size=400))
def test_any_bytes_give_messages_or_a_frame_error(data):
    messages, close_code = [], None
    try:
        messages = FrameParser().feed(data)
    except FrameError as error:
        close_code = error.close_code

    assert {opcode for opcode, _ in messages} <= {TEXT, BINARY, CLOSE, PING, PONG}
    assert close_code in (None, 1002, 1007, 1009)


# Close codes


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4510, 4999])
def test_a_code_that_may_be_sent_is_read(code):
    assert parse_close(code.to_bytes(2, "big") + "tschüß".encode()) == code


def test_a_close_without_a_code_says_nothing():
    assert parse_close(b"") is None


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
def test_a_code_that_may_not_be_sent_is_refused(code):
    with pytest.raises(FrameError) as caught:
        parse_close(code.to_bytes(2, "big"))

    assert caught.value.close_code == 1002


@pytest.mark.parametrize(("payload", "answer"), [(b"\x03", 1002), (b"\x03\xe8\xff", 1007)])
def test_half_a_code_and_a_reason_that_is_not_utf8_are_refused(payload, answer):
    with pytest.raises(FrameError) as caught:
        parse_close(payload)

    assert caught.value.close_code == answer
