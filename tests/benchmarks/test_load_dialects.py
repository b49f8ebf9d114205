"""The load generator as a client of brokers. They may cut their stream of packets into frames wherever they like."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.loading import LoadResult, Workload, run_plan
from benchmarks.peer_plans import Dialect, relay_plan
from benchmarks.peer_servers import PEERS, Peer, serve_peer
from benchmarks.peer_setup import NotInstalled

UPDATE_BYTES = 270
ONE_TO_TWO = Workload(name="1:2", trips=3, watchers=2)
FLEET_VIEW = Workload(name="fleet view", trips=5, watchers=2, rate_per_s=200.0, view="fleet")

Subscribers = defaultdict[str, list[Callable[[bytes], None]]]
"""Topic → who takes the payload."""


async def load(dialect: Dialect, port: int, workload: Workload) -> LoadResult:
    return await asyncio.to_thread(
        run_plan,
        workload,
        relay_plan(workload, dialect=dialect, update_bytes=UPDATE_BYTES),
        port=port,
        server_pids=(),
        cpu=None,
        seconds=0.3,
        warmup_s=0.1,
    )


class Stream:
    """Bytes of a broker on their way to one client: sent in frames of seven bytes, or all that is there in one."""

    def __init__(self, connection: ServerConnection, *, frame_bytes: int | None) -> None:
        self._connection = connection
        self._frame_bytes = frame_bytes
        self._waiting = bytearray()
        self._filled = asyncio.Event()

    def put(self, packet: bytes) -> None:
        self._waiting += packet
        self._filled.set()

    async def run(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            sent = bytes(self._waiting)
            self._waiting.clear()
            size = self._frame_bytes or len(sent)
            for at in range(0, len(sent), size):
                await self._connection.send(sent[at : at + size])


def mqtt_packets(stream: Stream, subscribers: Subscribers, received: bytearray) -> None:
    while len(received) >= 2:
        length, head, shift = 0, 1, 0
        while True:
            length |= (received[head] & 127) << shift
            head, shift = head + 1, shift + 7
            if not received[head - 1] & 128:
                break
        kind, body = received[0] >> 4, bytes(received[head : head + length])
        del received[: head + length]
        if kind == 1:  # CONNECT
            stream.put(b"\x20\x02\x00\x00")
        elif kind == 8:  # SUBSCRIBE: packet identifier, topic, QoS
            stream.put(b"\x90\x03" + body[:2] + b"\x00")
            subscribers[body[4:-1].decode()].append(stream.put)
        elif kind == 3:  # PUBLISH
            topic = body[2 : 2 + int.from_bytes(body[:2])].decode()
            packet = b"\x30" + bytes([128 | length % 128, length // 128]) + body
            for take in subscribers[topic]:
                take(packet)


def nats_packets(stream: Stream, subscribers: Subscribers, received: bytearray) -> None:
    while b"\r\n" in received:
        line, _, rest = bytes(received).partition(b"\r\n")
        word, *arguments = line.split()
        if word == b"PUB":
            size = int(arguments[1])
            for take in subscribers[arguments[0].decode()]:
                take(b"MSG %s 1 %d\r\n%s\r\n" % (arguments[0], size, rest[:size]))
            rest = rest[size + 2 :]
        elif word == b"SUB":
            subscribers[arguments[0].decode()].append(stream.put)
        elif word == b"PING":
            stream.put(b"PONG\r\nPING\r\n")
        received[:] = rest


PROTOCOLS = {"mqtt": mqtt_packets, "nats": nats_packets}


@asynccontextmanager
async def broker(dialect: str, *, frame_bytes: int | None) -> AsyncIterator[int]:
    """Just enough of a broker; yields its port."""
    subscribers: Subscribers = defaultdict(list)

    async def serve_client(connection: ServerConnection) -> None:
        stream = Stream(connection, frame_bytes=frame_bytes)
        if dialect == "nats":
            stream.put(b'INFO {"server_id":"test"}\r\n')
        sending = asyncio.create_task(stream.run())
        received = bytearray()
        try:
            async for message in connection:
                assert isinstance(message, bytes)
                received += message
                PROTOCOLS[dialect](stream, subscribers, received)
        finally:
            sending.cancel()

    subprotocols = ["mqtt"] if dialect == "mqtt" else None
    async with serve(serve_client, "127.0.0.1", 0, compression=None, subprotocols=subprotocols) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@pytest.mark.parametrize("frame_bytes", [7, None], ids=["packets in pieces", "packets together"])
@pytest.mark.parametrize("dialect", ["mqtt", "nats"])
async def test_every_update_is_read_wherever_the_frames_are_cut(dialect: Dialect, frame_bytes: int | None) -> None:
    async with broker(dialect, frame_bytes=frame_bytes) as port:
        result = await load(dialect, port, ONE_TO_TWO)

    assert result.fixes > 0
    assert abs(result.positions - 2 * result.fixes) <= 2 * 3 * 2
    assert (result.late, result.unanswered, result.errors, result.ended) == (0, 0, 0, 0)


@pytest.mark.parametrize("dialect", ["mqtt", "nats"])
async def test_a_dispatcher_sees_each_technician_at_a_broker(dialect: Dialect) -> None:
    async with broker(dialect, frame_bytes=None) as port:
        result = await load(dialect, port, FLEET_VIEW)

    assert result.positions == pytest.approx(2 * result.fixes, abs=40)
    assert (result.late, result.errors) == (0, 0)


@pytest.mark.parametrize("peer", PEERS, ids=[peer.key for peer in PEERS])
async def test_a_peer_delivers_each_update_to_its_watchers_in_the_size_asked_for(peer: Peer, tmp_path: Path) -> None:
    try:
        with serve_peer(peer, tmp_path, cpu=None) as running:
            result = await load(peer.dialect, running.server.port, ONE_TO_TWO)
    except NotInstalled as missing:
        pytest.skip(str(missing))

    assert result.fixes > 0
    assert abs(result.positions - 2 * result.fixes) <= 2 * 3 * 2
    assert (result.unanswered, result.errors, result.ended) == (0, 0, 0)
    assert UPDATE_BYTES <= result.bytes_per_position <= UPDATE_BYTES + 40
