"""Text fails at the first octet after which it cannot become UTF-8, wherever frames and reads are cut.

What may come is read from the grammar of RFC 3629 section 4, not from a decoder.
"""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.test_frames import MASK, header
from tracker.errors import FrameError
from tracker.frames import CONTINUATION, TEXT, FrameParser

_TAIL = rb"[\x80-\xBF]"
_CHARACTER = rb"""
    [\x00-\x7F]
    | [\xC2-\xDF] T
    | \xE0 [\xA0-\xBF] T | [\xE1-\xEC\xEE\xEF] T T | \xED [\x80-\x9F] T
    | \xF0 [\x90-\xBF] T T | [\xF1-\xF3] T T T | \xF4 [\x80-\x8F] T T
"""
_BEGUN = rb"""
    [\xC2-\xF4]
    | \xE0 [\xA0-\xBF] | [\xE1-\xEC\xEE\xEF] T | \xED [\x80-\x9F]
    | \xF0 [\x90-\xBF] T? | [\xF1-\xF3] T T? | \xF4 [\x80-\x8F] T?
"""
TEXT_SO_FAR = re.compile((rb"(?:%s)*(?:%s)?" % (_CHARACTER, _BEGUN)).replace(b"T", _TAIL), re.VERBOSE)
WHOLE_TEXT = re.compile((rb"(?:%s)*" % _CHARACTER).replace(b"T", _TAIL), re.VERBOSE)

EDGES = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF4, 0xFF]
"""One octet of each kind there is after a lead."""


def masked(payload: bytes) -> bytes:
    return bytes(octet ^ MASK[index % 4] for index, octet in enumerate(payload))


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    return header(opcode, len(payload), bits=0x80 if final else 0) + MASK + masked(payload)


def is_refused(parser: FrameParser, data: bytes) -> bool:
    try:
        parser.feed(data)
    except FrameError as error:
        if error.close_code != 1007:
            raise
        return True
    return False


@pytest.mark.parametrize("lead", range(256))
def test_each_octet_is_judged_when_it_comes(lead):
    beginnings = [bytes((lead,)), *(bytes((lead, second)) for second in range(256))]
    beginnings += [bytes((lead, second, third)) for second in EDGES for third in EDGES]

    refused = {octets for octets in beginnings if is_refused(FrameParser(), frame(octets, final=False))}
    refused_in_chops = {octets for octets in beginnings if is_refused(FrameParser(), frame(octets + b"....")[:-4])}

    impossible = {octets for octets in beginnings if not TEXT_SO_FAR.fullmatch(octets)}
    assert refused == impossible
    assert refused_in_chops == impossible


@pytest.mark.parametrize("lead", range(0xC0, 0x100))
def test_text_must_not_end_within_a_character(lead):
    endings = [bytes((lead,)), *(bytes((lead, *more)) for second in EDGES for more in [(second,), (second, 0x80)])]
    endings += [octets + b"\x80" for octets in endings]

    refused = {octets for octets in endings if is_refused(FrameParser(), frame(octets))}
    refused_in_fragments = {
        octets
        for octets in endings
        if is_refused(FrameParser(), frame(octets[:1], final=False) + frame(octets[1:], CONTINUATION))
    }

    impossible = {octets for octets in endings if not WHOLE_TEXT.fullmatch(octets)}
    assert refused == impossible
    assert refused_in_fragments == impossible


nearly_text = st.lists(
    st.one_of(
        st.text(max_size=5).map(str.encode),
        st.sampled_from(["é", "€", "🚐", "\uffff", "\U0010ffff"]).map(str.encode),
        st.binary(max_size=2),
        st.sampled_from([b"\xed\xa0\x80", b"\xf4\x90", b"\xe0\x9f", b"\xf0\x8f\xbf", b"\xc1\xbf", b"\xf8"]),
    ),
    max_size=6,
).map(b"".join)


@given(payload=nearly_text, cuts=st.lists(st.integers(0, 40), max_size=4))
def test_octet_by_octet_the_first_impossible_one_is_refused(payload, cuts):
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    parser = FrameParser()
    judged = b""
    refused_after = None

    for number, (start, stop) in enumerate(pairwise(edges)):
        final = number == len(edges) - 2
        part = payload[start:stop]
        start_of_frame = header(CONTINUATION if number else TEXT, len(part), bits=0x80 if final else 0) + MASK
        if is_refused(parser, start_of_frame):
            refused_after = judged
            break
        for octet in chops_of(masked(part)):
            judged = payload[: len(judged) + 1]
            if is_refused(parser, octet):
                refused_after = judged
                break
        if refused_after is not None:
            break

    impossible = [payload[:size] for size in range(len(payload) + 1) if not TEXT_SO_FAR.fullmatch(payload[:size])]
    if impossible:
        assert refused_after == impossible[0]
    elif WHOLE_TEXT.fullmatch(payload):
        assert refused_after is None
    else:
        assert refused_after == payload


def chops_of(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]
