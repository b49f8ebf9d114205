import asyncio
import errno
import socket
import sys
from fcntl import ioctl
from termios import FIONREAD

import pytest
import uvloop
from websockets.frames import Opcode

from tests.tracker.journeys import NOW_MS
from tests.tracker.listeners import FAR_MS, Clock
from tests.tracker.sockets import Peer, connect, until
from tracker import connections
from tracker.connections import Connection, WatcherConnection
from tracker.errors import CloseCode
from tracker.hub import CUT_AFTER_S, LOOK_EVERY_S, Hub
from tracker.unread import STUCK_S, acknowledged
from tracker.watchers import Message

TOPIC = "trip:visit"

pytestmark = pytest.mark.usefixtures("no_socket_outlives_its_test")


class Echo(Connection):
    """Answers each read with what it held."""

    __slots__ = (*connections.CONNECTION_STATE, "ends")

    max_bytes = 1000

    def __init__(self) -> None:
        super().__init__()
        self.ends = 0

    def messages_received(self, messages):
        self.send(b"[" + b",".join(payload for _, payload in messages) + b"]")

    def ended(self):
        self.ends += 1


def a_watcher(hub: Hub, *, until_ms: int = FAR_MS) -> WatcherConnection:
    return WatcherConnection(hub=hub, principal="me", until_ms=until_ms)


async def watching(hub: Hub, **options) -> tuple[WatcherConnection, Peer]:
    watcher = a_watcher(hub)
    peer = await connect(watcher, **options)
    hub.subscribe(TOPIC, watcher)
    return watcher, peer


def stall(hub: Hub, watcher: WatcherConnection) -> int:
    """Tell so much that the socket is full; returns how many messages were told."""
    count = 0
    while not watcher.stalled:
        hub.publish(TOPIC, position(count))
        count += 1
    return count


def position(seq: int) -> Message:
    return Message.of(b'{"type":"position","seq":%d,"pad":"%s"}' % (seq, b"x" * 400), seq=seq, conflates=True)


def status(seq: int) -> Message:
    return Message.of(b'{"type":"status","seq":%d}' % seq, seq=seq)


# One connection


async def test_all_messages_of_one_read_come_together():
    peer = await connect(Echo())

    await peer.send("1", "2", "3")

    assert await peer.receive() == [1, 2, 3]


async def test_a_ping_is_answered_with_its_payload():
    peer = await connect(Echo())

    await peer.send("1")
    await peer.send("payload", opcode=Opcode.PING)

    frames = [await peer.receive_frame() for _ in range(2)]
    assert {(frame.opcode, bytes(frame.data)) for frame in frames} == {(Opcode.TEXT, b"[1]"), (Opcode.PONG, b"payload")}


async def test_the_peers_close_is_answered_with_its_code_and_the_socket_closed():
    connection = Echo()
    peer = await connect(connection)

    await peer.close(4999)

    assert await peer.until_closed() == 4999
    assert connection.ends == 1


async def test_messages_before_a_close_in_the_same_read_still_count():
    peer = await connect(Echo())

    await peer.send_raw(Peer._framed("1", None) + Peer._framed(b"", Opcode.CLOSE))

    assert await peer.receive() == [1]
    assert await peer.until_closed() == 1000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05hello", 1002),
        (b"\x81\x82\0\0\0\0\xff\xff", 1007),
        (b"\x81\xfe\x03\xe9", 1009),
        (b"\x88\x82\0\0\0\0\x03\xed", 1002),
    ],
)
async def test_broken_frames_are_answered_with_the_reason_and_nothing_after_them_is_read(data, code):
    connection = Echo()
    peer = await connect(connection)

    await peer.send_raw(data + Peer._framed("1", None))

    assert await peer.until_closed() == code
    assert connection.ends == 1


async def test_our_close_waits_for_the_peers_answer():
    connection = Echo()
    peer = await connect(connection)

    connection.close(CloseCode.OVER, "over")
    connection.close(CloseCode.TOO_SLOW)
    frame = await peer.receive_frame()
    connection.send(b"9")
    await peer.close(4510)

    assert (frame.opcode, peer.closed_with) == (Opcode.CLOSE, 4510)
    assert await peer.receive_frame() is None
    assert connection.ends == 1


async def test_a_peer_that_never_answers_our_close_is_torn_down(monkeypatch):
    monkeypatch.setattr(connections, "CLOSE_WAIT_S", 0.02)
    connection = Echo()
    peer = await connect(connection)

    connection.close(CloseCode.OVER)

    assert await peer.until_closed() == 4510


async def test_garbage_after_our_close_is_no_second_close():
    connection = Echo()
    peer = await connect(connection)
    connection.close(CloseCode.OVER)

    await peer.send_raw(b"\xff" * 50)
    await peer.send_raw(b"\xff" * 50)
    connection.abort()

    assert await peer.until_closed() == 4510


async def test_a_peer_that_hangs_up_ends_the_connection_once_and_tells_its_keeper():
    connection = Echo()
    gone = []
    connection.on_gone = gone.append
    peer = await connect(connection)

    peer.hang_up()
    await until(lambda: gone)
    connection.send(b"1")
    connection.close(CloseCode.OVER)

    assert gone == [connection]
    assert connection.ends == 1


async def test_a_server_that_goes_says_so():
    connection = Echo()
    peer = await connect(connection)

    connection.shutdown()

    assert await peer.until_closed() == 1012


async def flood_with_pings() -> int:
    """Ping without ever reading; the bytes the server holds in answers when the flood no longer gets through."""
    connection = Echo()
    peer = await connect(connection, buffer_bytes=4096)
    pings = Peer._framed(b"p" * 125, Opcode.PING) * 100
    for _ in range(100):
        try:
            async with asyncio.timeout(0.05):
                await peer.send_raw(pings)
        except TimeoutError:
            break
    held = len(connection._rest)
    gone = asyncio.Event()
    connection.on_gone = lambda _: gone.set()
    peer.hang_up()
    connection.abort()
    await gone.wait()
    return held


async def test_a_peer_that_pings_and_never_reads_cannot_fill_our_memory():
    assert await flood_with_pings() < 400_000


async def talk_after_a_stall() -> list:
    hub = Hub(now_ms=Clock(NOW_MS))
    watcher, peer = await watching(hub, buffer_bytes=4096)
    stall(hub, watcher)
    await peer.send("still there?", opcode=Opcode.PING)
    while (frame := await peer.receive_frame()).opcode is not Opcode.PONG:
        pass
    watcher.abort()
    await until(lambda: watcher.fd < 0)
    peer.hang_up()
    return bytes(frame.data), watcher.stalled, hub.count()


def test_on_uvloop_too_a_stalled_peer_is_listened_to_again_once_it_reads():
    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(talk_after_a_stall()) == (b"still there?", False, 0)
        assert loop.run_until_complete(flood_with_pings()) < 400_000
    finally:
        loop.close()


async def test_a_stalled_peer_is_listened_to_again_once_it_reads():
    assert await talk_after_a_stall() == (b"still there?", False, 0)


# Watchers


async def test_a_watcher_gets_what_is_published(hub):
    watcher, peer = await watching(hub)

    hub.publish(TOPIC, status(1))
    hub.publish(TOPIC, position(2))

    assert [(await peer.receive())["seq"] for _ in range(2)] == [1, 2]
    assert watcher.alive


async def test_a_slow_socket_gets_every_state_and_the_newest_position_when_it_drains(hub):
    watcher, slow = await watching(hub, buffer_bytes=4096)
    _, quick = await watching(hub)
    read_at_once = []
    told = 0
    last = None
    while last is None or told <= last:
        hub.publish(TOPIC, status(told) if told % 10 == 0 else position(told))
        read_at_once.append((await quick.receive())["seq"])
        told += 1
        if watcher.stalled and last is None:
            stalled_at, last = told, told + 55

    got = []
    while not got or got[-1] != last:
        got.append((await slow.receive())["seq"])

    assert read_at_once == list(range(last + 1))
    newest_position = last if last % 10 else last - 1
    states = {seq for seq in range(stalled_at, last + 1) if seq % 10 == 0}
    # The message that filled the socket was told in part, and is then told to its end, or not at all.
    filled = stalled_at - 1
    assert [seq for seq in got if seq != filled] == [*range(filled), *sorted({newest_position, *states})]
    assert got == sorted(set(got))
    assert filled in got or filled % 10


async def test_a_watcher_that_never_reads_is_cut_and_everything_of_it_is_forgotten(hub, clock):
    watcher, _ = await watching(hub, buffer_bytes=4096)
    ended = []
    watcher.on_ended = lambda: ended.append(True)
    stall(hub, watcher)
    hub.publish(TOPIC, status(10**6))

    clock.pass_s(CUT_AFTER_S + 1)
    hub.tick()
    hub.tick()
    await until(lambda: watcher.fd < 0)

    assert (ended, hub.count(), hub.cut_slow) == ([True], 0, 1)
    assert watcher.take() == []
    assert not hub._stalled


def fill(hub: Hub, watcher: WatcherConnection, sock: socket.socket) -> None:
    """Tell until the reader's side of the kernel takes no more, long before ours does."""
    while acknowledged(watcher.fd) is None or queued(sock) == 0:
        assert not watcher.stalled
        hub.publish(TOPIC, position(1))


def queued(sock: socket.socket) -> int:
    """Bytes that came and were not read."""
    return int.from_bytes(ioctl(sock.fileno(), FIONREAD, bytes(4)), sys.byteorder)


async def pass_reading(hub: Hub, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.pass_s(1)
        hub.tick()
        await asyncio.sleep(0)


async def test_a_reader_who_stopped_is_cut_although_the_kernel_still_takes_bytes_for_it(hub, clock, monkeypatch):
    monkeypatch.setattr(connections, "FAREWELL_S", 0.01)
    watcher, peer = await watching(hub, tcp=True)
    peer._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    fill(hub, watcher, peer._sock)

    await pass_reading(hub, clock, int(STUCK_S) - 1)
    assert hub.count() == 1
    await pass_reading(hub, clock, 3 * LOOK_EVERY_S)
    assert (hub.count(), hub.cut_slow) == (0, 1)
    await until(lambda: watcher.fd < 0)

    assert peer._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


async def test_a_reader_who_stopped_and_goes_on_before_its_time_is_up_stays(hub, clock):
    watcher, peer = await watching(hub, tcp=True)
    peer._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)

    for _ in range(3):
        fill(hub, watcher, peer._sock)
        await pass_reading(hub, clock, int(STUCK_S) - 1)
        while acknowledged(watcher.fd) is not None:
            await peer.receive_frame()
    for _ in range(3 * int(STUCK_S)):
        await pass_reading(hub, clock, 1)
        # The kernel acknowledges a heartbeat in its own time.
        await until(lambda: acknowledged(watcher.fd) is None)

    assert (hub.count(), hub.cut_slow) == (1, 0)
    assert len(hub._unread) == 0


async def test_a_reader_who_goes_leaves_no_trace_in_the_watch_over_the_unread(hub, clock):
    watcher, peer = await watching(hub, tcp=True)
    peer._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    fill(hub, watcher, peer._sock)
    await pass_reading(hub, clock, LOOK_EVERY_S)
    assert len(hub._unread) == 1

    watcher.abort()

    assert len(hub._unread) == 0


async def test_a_farewell_that_fills_the_socket_leaves_no_stalled_watcher_behind(hub):
    watcher, _ = await watching(hub, buffer_bytes=4096)
    while not watcher.choked:
        watcher.send(b"x" * 500)
    hub.mark_drained(watcher)

    watcher.close(CloseCode.OVER, "x" * 100)

    assert not hub._stalled
    watcher.abort()
    await until(lambda: watcher.fd < 0)


async def test_a_revoked_watcher_is_closed_at_once_and_told_why(hub):
    watcher, peer = await watching(hub)

    hub.disconnect(lambda found: found.principal == "me", CloseCode.OVER, "revoked")
    hub.publish(TOPIC, position(1))

    frame = await peer.receive_frame()
    assert (frame.opcode, peer.closed_with) == (Opcode.CLOSE, 4510)
    assert not watcher.alive


async def test_an_expired_watcher_is_told_to_sign_in_again(hub, clock):
    watcher, peer = await watching(hub)
    hub.unsubscribe(watcher)
    watcher.until_ms = NOW_MS
    hub.subscribe(TOPIC, watcher)

    hub.publish(TOPIC, position(1))

    await peer.receive_frame()
    assert peer.closed_with == 4401


async def test_the_first_message_is_the_hello_and_only_the_first(hub):
    watcher = a_watcher(hub)
    peer = await connect(watcher)
    hellos = []
    watcher.expect_hello(hellos.append, within_s=5)

    await peer.send("one", "two")
    await peer.send("three")
    await until(lambda: watcher._strikes == 3)

    assert hellos == [b"one"]


async def test_without_a_hello_in_time_the_connection_is_closed(hub):
    watcher = a_watcher(hub)
    peer = await connect(watcher)

    watcher.expect_hello(lambda _: None, within_s=0.01)

    await peer.receive_frame()
    assert peer.closed_with == 4408


async def test_a_watcher_that_keeps_talking_is_closed(hub):
    _, peer = await watching(hub)

    for _ in range(9):
        await peer.send("{}")

    await peer.receive_frame()
    assert peer.closed_with == 4500


async def test_a_watcher_that_sends_a_novel_is_closed(hub):
    _, peer = await watching(hub)

    await peer.send(b"x" * 4097)

    assert await peer.until_closed() == 1009
    assert hub.count() == 0


async def test_a_watcher_that_hangs_up_is_unsubscribed_and_its_keeper_told_once(hub):
    watcher, peer = await watching(hub)
    ended = []
    watcher.on_ended = lambda: ended.append(True)

    peer.hang_up()
    await until(lambda: watcher.fd < 0)
    hub.publish(TOPIC, position(1))

    assert (hub.count(), ended) == (0, [True])
