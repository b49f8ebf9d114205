"""A hub that writes by io_uring and one that writes socket by socket: every watcher reads the same."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Callable, Iterator

import msgspec
import pytest

from tests.tracker.journeys import NOW_MS
from tests.tracker.listeners import FAR_MS, Clock, Listener
from tests.tracker.rings import Pairs, a_ring
from tests.tracker.sockets import connect
from tracker.connections import WatcherConnection
from tracker.frames import frame
from tracker.hub import Hub
from tracker.ring import WriteRing
from tracker.telling import TURN_WRITES
from tracker.watchers import Message

TOPIC = "trip:visit"

pytestmark = pytest.mark.usefixtures("no_socket_outlives_its_test")


@pytest.fixture(params=["ring", "by hand"])
def ring(request: pytest.FixtureRequest) -> Iterator[WriteRing | None]:
    with a_ring() if request.param == "ring" else contextlib.nullcontext() as ring:
        yield ring


@pytest.fixture
def hub(clock: Clock, ring: WriteRing | None) -> Hub:
    return Hub(now_ms=clock, clock_s=lambda: 0.0, ring=ring)


class Ready:
    """An event loop of which only what is due at once is ever done."""

    def __init__(self) -> None:
        self._due: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._due.append(callback)

    def call_later(self, delay_s: float, callback: Callable[..., None], *arguments: object) -> None:
        pass

    def run(self) -> None:
        due, self._due = self._due, []
        for callback in due:
            callback()


class Held:
    """Sockets that nobody looks at: the test says who reads and who may be written to again."""

    def __init__(self) -> None:
        self.loop = Ready()

    def read_later(self, connection: WatcherConnection) -> None:
        pass

    def forget(self, fd: int) -> None:
        os.close(fd)


class Audience:
    """Watchers of a hub on real sockets that hold little, and what each of them read."""

    def __init__(self, ring: WriteRing | None, pairs: Pairs) -> None:
        self.sockets = Held()
        self.hub = Hub(now_ms=Clock(NOW_MS), loop=self.sockets.loop, ring=ring, clock_s=lambda: 0.0)
        self.pairs = pairs
        self.watchers: list[WatcherConnection] = []
        self.read: list[bytearray] = []
        self.seqs: dict[str, int] = {}

    def add(self, topic: str, count: int, buffer_bytes: int = 4096) -> list[WatcherConnection]:
        fds = self.pairs.add(count, buffer_bytes=buffer_bytes)
        for sock in self.pairs.ours[-count:]:
            sock.detach()
        added = []
        for fd in fds:
            watcher = WatcherConnection(hub=self.hub, principal=None, until_ms=FAR_MS)
            watcher.begin(self.sockets, fd)
            self.hub.subscribe(topic, watcher, heartbeat=False)
            added.append(watcher)
        self.watchers += added
        self.read += [bytearray() for _ in fds]
        return added

    def payload(self, topic: str, size: int) -> tuple[int, bytes]:
        self.seqs[topic] = seq = self.seqs.get(topic, 0) + 1
        return seq, msgspec.json.encode({"topic": topic, "seq": seq, "pad": "x" * size})

    def tell_positions(self, *topics: str, size: int = 200) -> None:
        told = []
        for name in topics:
            topic = self.hub.find(name)
            if topic is not None:
                seq, payload = self.payload(name, size)
                told.append((topic, seq, payload, frame(payload)))
        self.hub.tell_all(told, NOW_MS)

    def tell_state(self, topic: str, size: int = 100) -> None:
        seq, payload = self.payload(topic, size)
        self.hub.publish(topic, Message.of(payload, seq=seq))

    def let_read(self, index: int, at_most: int = 1 << 24) -> None:
        """A reader reads; if its socket was full, it is written to again."""
        if self.pairs.theirs[index].fileno() < 0:
            return
        self.read[index] += self.pairs.read(index, at_most)
        if self.watchers[index].choked and self.watchers[index].fd >= 0:
            self.watchers[index].writable()

    def let_all_read(self) -> None:
        quiet = 0
        while quiet < 3:
            self.sockets.loop.run()
            before = sum(map(len, self.read))
            for index in range(len(self.watchers)):
                self.let_read(index)
            quiet = quiet + 1 if sum(map(len, self.read)) == before else 0

    def told(self, index: int) -> list[dict[str, object]]:
        """The messages a reader got; what is no whole frame fails."""
        return list(messages(bytes(self.read[index])))

    def seqs_read(self, index: int) -> list[object]:
        return [each["seq"] for each in self.told(index)]

    def end(self) -> None:
        for watcher in self.watchers:
            watcher.abort()


def messages(data: bytes, *, torn: bool = False) -> Iterator[dict[str, object]]:
    """``torn``: the last frame may be there in part, for the reader left."""
    at = 0
    while at < len(data):
        head = data[at : at + 4]
        length, first = (head[1], 2) if head[1:2] < b"\x7e" else (int.from_bytes(head[2:]), 4)
        payload = data[at + first : at + first + length]
        if torn and (len(head) < first or len(payload) < length):
            return
        assert frame(payload) == data[at : at + first + length]
        yield msgspec.json.decode(payload)
        at += first + length


@pytest.fixture
def audience(ring: WriteRing | None) -> Iterator[Audience]:
    with Pairs() as pairs:
        audience = Audience(ring, pairs)
        yield audience
        audience.end()


# One go of writes


def test_of_several_positions_of_a_topic_in_one_go_the_newest_comes_also_where_the_first_came_in_part(audience):
    for topic in "ab":
        audience.add(topic, 3, buffer_bytes=100_000)
        audience.add(topic, 1, buffer_bytes=4096)

    audience.tell_positions("a", "b", "a", "b", "a", size=9000)
    in_part = [watcher._rest != b"" for watcher in audience.watchers]
    audience.let_all_read()

    assert in_part == [False, False, False, True] * 2
    assert [audience.seqs_read(index) for index in range(8)] == [[1, 2, 3]] * 3 + [[1, 3]] + [[1, 2]] * 4


def test_who_breaks_or_stalls_in_the_middle_of_a_go_is_the_only_one_who_notices(audience):
    for topic in "abc":
        audience.add(topic, 3)
    audience.pairs.theirs[4].close()
    while not audience.watchers[7].stalled:
        audience.tell_positions("c", size=3000)
        for index in (6, 8):
            audience.let_read(index)
    delivered = audience.hub.delivered

    audience.tell_positions("a", "b", "c")

    assert audience.hub.delivered == delivered + 9
    assert [watcher.fd >= 0 for watcher in audience.watchers] == [index != 4 for index in range(9)]
    assert [watcher.stalled for watcher in audience.watchers] == [index == 7 for index in range(9)]
    assert [audience.hub.count(topic) for topic in "abc"] == [3, 2, 3]
    audience.let_all_read()
    assert all(audience.seqs_read(index) == [1] for index in (0, 1, 2, 3, 5))
    assert audience.seqs_read(6) == audience.seqs_read(8) == list(range(1, audience.seqs["c"] + 1))
    assert audience.seqs_read(7)[-1] == audience.seqs["c"]


def test_a_state_that_fills_the_socket_is_told_once(audience):
    audience.add("a", 5)

    while not audience.watchers[2].stalled:
        audience.tell_state("a")
        for index in (0, 1, 3, 4):
            audience.let_read(index)
    audience.let_all_read()

    assert all(audience.seqs_read(index) == list(range(1, audience.seqs["a"] + 1)) for index in range(5))


def test_who_has_no_socket_is_told_with_the_others(audience):
    listener = Listener(audience.hub, "a")
    audience.add("a", 5)
    audience.add("b", 5)

    audience.tell_positions("a", "b")
    audience.tell_state("a")
    audience.let_all_read()

    assert [told["seq"] for told in listener.told] == [1, 2]
    assert [audience.seqs_read(index) for index in range(10)] == [[1, 2]] * 5 + [[1]] * 5


def test_the_writes_of_a_turn_are_one_go_of_the_ring_and_few_are_none():
    with a_ring() as ring, Pairs() as pairs:
        audience = Audience(ring, pairs)
        for topic in "abcde":
            audience.add(topic, 5)
        audience.add("few", 3)

        audience.tell_positions(*"abcde")
        audience.tell_positions("few")

        assert (ring.calls, ring.writes) == (1, 25)
        audience.end()


# At random


SIZES = (0, 50, 200, 800, 5000, 12_000)
"""A frame of more than some thousand bytes is taken in part where the buffers are small."""


def a_life(seed: int, ring: WriteRing | None) -> tuple[list[bytes], set[int], int, int, int]:
    """What each watcher read, who of them left, how often a frame was taken in part, and what the hub counted."""
    choose = random.Random(seed)
    left: set[int] = set()
    parts = 0
    with Pairs() as pairs:
        audience = Audience(ring, pairs)
        topics = [f"trip:{number}" for number in range(choose.randint(3, 14))]
        for topic in topics:
            audience.add(topic, choose.choice([1, 1, 2, 3, 4, 5, 8, 20]), choose.choice([4096, 20_000, 100_000]))
        audience.add("trip:crowd", choose.choice([60, 200, 300]))
        topics.append("trip:crowd")
        # Who reads rarely, or never.
        eager = [choose.choice([0.0, 0.05, 0.5, 1.0]) for _ in audience.watchers]
        for _ in range(25):
            audience.hub.hold()
            for topic in choose.choices(topics, k=choose.randint(0, 3)):
                audience.tell_state(topic, choose.choice(SIZES))
            audience.hub.release()
            audience.tell_positions(
                *choose.choices(topics, k=choose.randint(1, 2 * len(topics))), size=choose.choice(SIZES)
            )
            parts += sum(watcher._rest != b"" for watcher in audience.watchers)
            if choose.random() < 0.3:
                going = choose.randrange(len(audience.watchers))
                left.add(going)
                pairs.theirs[going].close()
            if choose.random() < 0.3:
                coming = choose.choice(topics)
                audience.add(coming, 1)
                eager.append(0.5)
            for index, share in enumerate(eager):
                if choose.random() < share:
                    audience.let_read(index, choose.choice([100, 1000, 1 << 20]))
            if choose.random() < 0.5:
                audience.sockets.loop.run()
        audience.let_all_read()
        audience.end()
        return [bytes(data) for data in audience.read], left, parts, audience.hub.delivered, audience.hub.cut_slow


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_every_watcher_reads_the_same_from_both_hubs_and_nothing_is_torn(seed):
    with a_ring() as ring:
        by_ring = a_life(seed, ring)
        assert ring.writes > TURN_WRITES

    assert by_ring == a_life(seed, None)
    read, left, parts, _, _ = by_ring
    assert parts
    stalled = 0
    for index, data in enumerate(read):
        told = list(messages(data, torn=index in left))
        seqs = [each["seq"] for each in told]
        assert seqs == sorted(set(seqs))
        assert len({each["topic"] for each in told}) <= 1
        stalled += len(seqs) > 1 and seqs != list(range(seqs[0], seqs[-1] + 1))
    assert stalled


# On the connections of a server


async def test_a_stalled_reader_gets_the_rest_of_its_frame_and_the_newest_when_it_reads(hub, ring):
    watchers = [WatcherConnection(hub=hub, principal=None, until_ms=FAR_MS) for _ in range(6)]
    peers = [await connect(watcher) for watcher in watchers]
    hold_little(watchers[3].fd)
    for watcher in watchers:
        hub.subscribe(TOPIC, watcher)

    for seq in range(1, 9):
        tell_position(hub, seq, size=9000 if seq == 4 else 100)
        for peer in peers[:3] + peers[4:]:
            assert (await peer.receive())["seq"] == seq
    stalled, rest = watchers[3].stalled, len(watchers[3]._rest)
    got = [(await peers[3].receive())["seq"] for _ in range(5)]

    assert stalled
    assert 0 < rest < 9000
    assert got == [1, 2, 3, 4, 8]
    assert not watchers[3].stalled
    assert ring is None or (ring.calls, ring.writes) == (8, 4 * 6 + 4 * 5)


def hold_little(fd: int) -> None:
    sock = socket.socket(fileno=fd)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sock.detach()


def tell_position(hub: Hub, seq: int, *, size: int) -> None:
    payload = b'{"type":"position","seq":%d,"pad":"%s"}' % (seq, b"x" * size)
    topic = hub.find(TOPIC)
    assert topic is not None
    hub.tell_all([(topic, seq, payload, frame(payload))], NOW_MS)
