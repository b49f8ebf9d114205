"""The parser against the sans-I/O server of the websockets library: the same messages, the same kind of failure.

Ours is stricter or quicker in four ways, and each is written down where the two are compared:
it looks at text, which the library leaves to its callers; it wants lengths in their shortest form; it refuses a frame
at its header, the library (mostly) when all of it is there; and it lets a peer close within a fragmented message.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.tracker.test_frames import header
from tracker.errors import FrameError
from tracker.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, FrameParser, parse_close

MAX_BYTES = 300
LENGTH_FORMS = ("the length is not in its shortest form", "the highest bit of the length is set")


@dataclass
class Outcome:
    """``failed``: the code of the failure, None without one. ``detail``: why, in our words."""

    messages: list[tuple[int, bytes]] = field(default_factory=list)
    failed: int | None = None
    detail: str = ""


# Ours


def ours(reads: list[bytes]) -> Outcome:
    outcome = Outcome()
    parser = FrameParser(MAX_BYTES)
    for read in reads:
        try:
            outcome.messages += parser.feed(read)
        except FrameError as error:
            outcome.messages += parser.before_error
            outcome.failed, outcome.detail = error.close_code, error.detail
        # A connection reads nothing after an error or a close.
        if outcome.failed is not None or (outcome.messages and outcome.messages[-1][0] == CLOSE):
            break
    if outcome.messages and outcome.messages[-1][0] == CLOSE:
        try:
            parse_close(outcome.messages[-1][1])
        except FrameError as error:
            outcome.messages.pop()
            outcome.failed, outcome.detail = error.close_code, error.detail
    return outcome


# Theirs


class Library:
    """``fed``: the outcome of what came. ``finished``: the same when the frame that did not come whole is filled up
    with zeros, as far as that tells anything."""

    def __init__(self, data: bytes) -> None:
        self._protocol = ServerProtocol(state=State.OPEN, max_size=MAX_BYTES)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._fragments: list[bytes] = []
        self._opcode = 0
        self._outcome = Outcome()
        self._feed(data)
        self.fed = Outcome(list(self._outcome.messages), self._outcome.failed)
        self.finished = self._finish()

    def _feed(self, data: bytes) -> list[Frame]:
        self._protocol.receive_data(data)
        frames = self._protocol.events_received()
        for frame in frames:
            if self._outcome.failed is None:
                self._take(frame)
        if self._outcome.failed is None and self._protocol.parser_exc is not None:
            closed_within_a_message = str(self._protocol.parser_exc) == "incomplete fragmented message"
            if closed_within_a_message:
                received = self._protocol.close_rcvd
                body = b"" if received.code == 1005 else received.code.to_bytes(2, "big") + received.reason.encode()
                self._outcome.messages.append((CLOSE, body))
            else:
                self._outcome.failed = self._protocol.close_sent.code
        return frames

    def _take(self, frame: Frame) -> None:
        payload = bytes(frame.data)
        if frame.opcode >= CLOSE:
            self._outcome.messages.append((int(frame.opcode), payload))
            return
        if frame.opcode is not Opcode.CONT:
            self._opcode = int(frame.opcode)
            self._fragments = []
            self._decoder.reset()
        if self._is_wrong_text(payload, final=frame.fin):
            self._outcome.failed = 1007
            return
        self._fragments.append(payload)
        if frame.fin:
            self._outcome.messages.append((self._opcode, b"".join(self._fragments)))

    def _is_wrong_text(self, payload: bytes, *, final: bool) -> bool:
        if self._opcode != TEXT:
            return False
        try:
            self._decoder.decode(payload, final)
        except UnicodeDecodeError:
            return True
        return False

    def _finish(self) -> Outcome:
        """Fill up octet by octet, then judge the part of the frame's payload that really came."""
        before = self._decoder.getstate()
        opcode = self._opcode
        for filler in range(1, MAX_BYTES + 16):
            if self._outcome.failed is not None or self._protocol.close_rcvd is not None:
                break
            frames = self._feed(b"\0")
            if frames:
                [frame] = frames
                came = len(frame.data) - filler
                # The mask is in the payload only where it really came: what we filled up is not zero any more.
                if came < 0 or frame.opcode >= CLOSE:
                    return Outcome(self.fed.messages)
                if frame.opcode is Opcode.CONT:
                    self._opcode = opcode
                    self._decoder.setstate(before)
                else:
                    self._opcode = int(frame.opcode)
                    self._decoder.reset()
                wrong = self._is_wrong_text(bytes(frame.data[:came]), final=False)
                return Outcome(self.fed.messages, 1007 if wrong else None)
        return Outcome(self.fed.messages, self._outcome.failed)


def compare(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    cut = ours([data[start:stop] for start, stop in pairwise(edges)])
    library = Library(data)

    assert cut == ours([data])
    event(f"ours {cut.failed}, theirs {library.fed.failed}")
    further = cut.messages[len(library.fed.messages) :]
    if library.fed.failed == 1009 and further and further[0][0] >= CLOSE:
        # The library holds a control frame between fragments against what is left for the message.
        assert cut.messages[: len(library.fed.messages)] == library.fed.messages
    elif cut.detail in LENGTH_FORMS:
        # The library reads on.
        assert cut.failed == 1002
        assert library.fed.messages[: len(cut.messages)] == cut.messages
    elif cut.failed == library.fed.failed:
        assert cut.messages == library.fed.messages
    elif cut.failed == 1002 and library.fed.failed == 1009:
        # Too long and wrong in its first two bytes as well: the library looks at the length first.
        assert "over" not in cut.detail or "control frame" in cut.detail
        assert cut.messages == library.fed.messages
    else:
        # We knew already what the library would have said at the end of the frame, or of its header: see above.
        assert library.fed.failed is None
        assert (cut.failed, library.finished.failed) == (1002, 1009) or cut.failed == library.finished.failed
        assert cut.messages == library.fed.messages


# What is sent

payloads = st.one_of(
    st.text(max_size=60).map(str.encode),
    st.binary(max_size=60),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * MAX_BYTES, b"x" * (MAX_BYTES + 1), b"\xe2\x82", b"\xac"]),
)
closings = st.one_of(
    st.just(b""),
    st.tuples(st.sampled_from([0, 999, 1000, 1005, 1011, 1014, 2999, 3000, 4999, 5000]), payloads).map(
        lambda pair: pair[0].to_bytes(2, "big") + pair[1][:123]
    ),
)
masks = st.binary(min_size=4, max_size=4)


def client(opcode: int, payload: bytes, mask: bytes, *, bits: int = 0x80) -> bytes:
    body = bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload))
    return header(opcode, len(payload), bits=bits) + mask + body


@st.composite
def messages(draw) -> bytes:
    """One message as clients send it: whole or in fragments, with control frames between them."""
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    payload = draw(payloads)
    cuts = draw(st.lists(st.integers(0, len(payload)), max_size=3))
    edges = [0, *sorted(cuts), len(payload)]
    data = b""
    for number, (start, stop) in enumerate(pairwise(edges)):
        bits = 0x80 if number == len(edges) - 2 else 0
        data += client(CONTINUATION if number else opcode, payload[start:stop], draw(masks), bits=bits)
        if draw(st.booleans()):
            data += client(draw(st.sampled_from([PING, PONG])), draw(payloads)[:125], draw(masks))
    return data


any_frames = st.builds(
    client,
    st.sampled_from([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 3, 7, 11, 15]),
    payloads,
    masks,
    bits=st.sampled_from([0x80, 0x80, 0x80, 0, 0, 0xC0, 0x90, 0x20]),
)
close_frames = st.builds(client, st.just(CLOSE), closings, masks)
streams = st.lists(st.one_of(messages(), messages(), any_frames, close_frames), max_size=6).map(b"".join)


@st.composite
def mutated(draw) -> bytes:
    """A stream in which bytes were changed, lost or put in, or which ends too soon."""
    data = bytearray(draw(streams))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, min(len(data) - 1, 40))))
        match draw(st.sampled_from(["change", "flip", "lose", "put in", "end"])):
            case "change" if data:
                data[place] = draw(st.integers(0, 255))
            case "flip" if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "lose":
                del data[place : place + draw(st.integers(1, 4))]
            case "put in":
                data[place:place] = draw(st.binary(min_size=1, max_size=4))
            case "end":
                del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


cuts = st.lists(st.integers(0, 2_000), max_size=8)


@given(data=st.lists(messages(), max_size=5).map(b"".join), cuts=cuts)
def test_what_clients_send_is_read_as_the_library_reads_it(data, cuts):
    compare(data, cuts)


@given(data=mutated(), cuts=cuts)
@settings(max_examples=300)
@example(data=b"\x01\x80\x01\x02\x03\x04\x88\x80\x01\x02\x03\x04", cuts=[])
@example(data=b"\x00\xff\x88\x80\x00\x00\x00\x00", cuts=[])
def test_what_broken_clients_send_fails_as_it_fails_in_the_library(data, cuts):
    compare(data, cuts)


@given(data=st.binary(max_size=60), cuts=cuts)
def test_noise_fails_as_it_fails_in_the_library(data, cuts):
    compare(data, cuts)
