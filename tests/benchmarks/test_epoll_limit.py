"""The C relay is a websocket server that an ordinary client can talk to; otherwise it would be no limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from benchmarks.serving import Server, serve_limit

DEVICE = {"Authorization": "Bearer visit-1"}


@pytest.fixture(scope="module")
def relay() -> Iterator[Server]:
    with serve_limit(cpu=None) as server:
        yield server


async def test_a_message_of_a_device_reaches_the_watchers_of_its_topic_alone(relay: Server) -> None:
    url = f"ws://127.0.0.1:{relay.port}/ws"
    async with (
        connect(f"{url}/appointments/visit-1") as first,
        connect(f"{url}/appointments/visit-1") as second,
        connect(f"{url}/appointments/visit-2") as other,
        connect(f"{url}/device", additional_headers=DEVICE) as device,
    ):
        await device.send("moved")
        received = [await first.recv(), await second.recv()]
        # The pong comes after anything the relay wrote to this watcher before it.
        await (await other.ping())

        assert received == ["moved", "moved"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await other.recv()


async def test_a_message_in_two_reads_arrives_whole(relay: Server) -> None:
    url = f"ws://127.0.0.1:{relay.port}/ws"
    long = "x" * 12_000
    async with (
        connect(f"{url}/appointments/visit-1") as watcher,
        connect(f"{url}/device", additional_headers=DEVICE) as device,
    ):
        await device.send(long)

        assert await watcher.recv() == long


async def test_an_unknown_path_is_refused(relay: Server) -> None:
    with pytest.raises(InvalidStatus, match="404"):
        async with connect(f"ws://127.0.0.1:{relay.port}/elsewhere"):
            pass
