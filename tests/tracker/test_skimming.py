"""Of a flood only the newest message is read: what is left out, and what must not be."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.test_frames import client
from tracker.errors import FrameError
from tracker.frames import BINARY, CONTINUATION, PING, TEXT, FrameParser

SIZES = st.sampled_from([0, 1, 110, 125, 126, 127, 300])


def texts(*names: str) -> bytes:
    return b"".join(client(name.encode() * 60) for name in names)


def read(parser: FrameParser, data: bytes) -> tuple[list[str], int]:
    """The letters that are read of ``texts``, and how many messages were left out."""
    left, skipped = parser.skim(data)
    return [payload[:1].decode() for _, payload in parser.feed(left)], skipped


def test_of_many_messages_the_newest_is_left():
    assert read(FrameParser(), texts("a", "b", "c")) == (["c"], 2)


def test_a_single_message_is_left_as_it_is():
    data = texts("a")

    assert FrameParser().skim(data) == (data, 0)


def test_what_has_begun_is_read_when_its_rest_comes():
    parser = FrameParser()
    data = texts("a", "b", "c")

    assert read(parser, data[:-10]) == (["b"], 1)
    assert parser.feed(data[-10:]) == [(TEXT, b"c" * 60)]


@pytest.mark.parametrize("cut", [1, 3, 40])
def test_one_whose_rest_comes_with_newer_ones_is_left_out_too(cut):
    parser = FrameParser()
    data = texts("a", "b", "c")
    assert parser.feed(data[:cut]) == []

    assert read(parser, data[cut:]) == (["c"], 2)


@pytest.mark.parametrize("cut", [1, 3, 40])
def test_one_whose_rest_comes_alone_is_read(cut):
    parser = FrameParser()
    data = texts("a")
    assert parser.feed(data[:cut]) == []

    assert read(parser, data[cut:]) == (["a"], 0)


def test_a_ping_among_them_is_heard():
    parser = FrameParser()
    left, skipped = parser.skim(texts("a", "b") + client(b"?", PING) + texts("c"))

    assert skipped == 1
    assert parser.feed(left) == [(TEXT, b"b" * 60), (PING, b"?"), (TEXT, b"c" * 60)]


def test_a_message_in_fragments_is_not_left_out():
    parser = FrameParser()
    left, skipped = parser.skim(client(b"a", final=False) + client(b"b", CONTINUATION) + texts("c"))

    assert skipped == 0
    assert parser.feed(left) == [(TEXT, b"ab"), (TEXT, b"c" * 60)]


def test_fragments_that_wait_for_more_are_kept():
    parser = FrameParser()
    parser.feed(client(b"a", final=False))
    left, skipped = parser.skim(client(b"b", CONTINUATION) + texts("c", "d"))

    assert skipped == 0
    assert parser.feed(left) == [(TEXT, b"ab"), (TEXT, b"c" * 60), (TEXT, b"d" * 60)]


@pytest.mark.parametrize(
    "wrong",
    [b"\xc1\x80", b"\x81\x05hello", b"\x81\xfe\x00\x10" + bytes(20), b"\x81\xff" + bytes(8), b"\x81\xfe\xff\xff"],
    ids=["reserved bit", "unmasked", "length not in its shortest form", "long length of nothing", "too large"],
)
def test_what_may_not_be_said_is_refused_all_the_same(wrong):
    parser = FrameParser(1000)
    left, _ = parser.skim(texts("a", "b") + wrong + bytes(20))

    with pytest.raises(FrameError):
        parser.feed(left)


@given(
    sizes=st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), SIZES, st.booleans()), max_size=12),
    cuts=st.lists(st.integers(0, 4000), max_size=5),
)
def test_however_it_is_cut_all_controls_and_the_newest_message_are_read_in_order(sizes, cuts):
    frames, said = [], []
    for number, (opcode, size, in_two) in enumerate(sizes):
        payload = bytes([65 + number]) * (min(size, 125) if opcode == PING else size)
        said.append((opcode, payload))
        if in_two and opcode != PING:
            frames += [client(payload[:1], opcode, final=False), client(payload[1:], CONTINUATION)]
        else:
            frames.append(client(payload, opcode))
    data = b"".join(frames)
    parser = FrameParser()
    heard, skipped = [], 0
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in pairwise(edges):
        left, count = parser.skim(data[start:stop])
        heard += parser.feed(left)
        skipped += count

    rest = iter(said)
    assert all(each in rest for each in heard)
    assert [each for each in heard if each[0] == PING] == [each for each in said if each[0] == PING]
    assert len(heard) + skipped == len(said)
    assert not said or heard[-1] == said[-1]
