"""Two real processes of an installation, one of which dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.redis_servers import RedisServer, redis_server
from tests.tracker.exchanges import Listener, exchange_on
from tracker.redis_line import ExchangeTiming

ROOT = Path(__file__).resolve().parent.parent.parent

# Answers each message with itself; claims a key, and prints who it is.
ECHO = """
import asyncio, sys
from tests.tracker.exchanges import Listener
from tracker.redis_exchange import RedisExchange

class Echo(Listener):
    def received(self, sender, message):
        exchange.send(sender, message)
    def back(self, emptied):
        print("back", emptied, flush=True)

async def run():
    global exchange
    exchange = RedisExchange(sys.argv[1])
    await exchange.start(Echo())
    await exchange.claim(["visit"])
    print(exchange.node_id, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await exchange.stop()

asyncio.run(run())
"""


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path) as server:
        yield server


class Other:
    def __init__(self, process: asyncio.subprocess.Process, node_id: str) -> None:
        self.process = process
        self.node_id = node_id


@pytest_asyncio.fixture
async def other(redis: RedisServer) -> AsyncIterator[Other]:
    """Another process, with the usual times."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ECHO, redis.url, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    try:
        yield Other(process, line.decode().strip())
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            await process.wait()
        # The transport of a pipe is closed by the loop's next turns.
        process._transport.close()  # type: ignore[attr-defined]


async def test_a_process_that_was_killed_has_left_within_its_lease_and_is_followed(
    redis: RedisServer, other: Other
) -> None:
    async with exchange_on(redis.url, timing=ExchangeTiming()) as (exchange, told):
        await told.hears("joined", other.node_id)
        exchange.send(other.node_id, b"are you there?")
        await told.hears("received", other.node_id, b"are you there?")
        before = (await exchange.claim(["visit"]))["visit"]

        killed_s = time.monotonic()
        other.process.kill()
        await told.hears("left", other.node_id)
        took_s = time.monotonic() - killed_s
        after = (await exchange.claim(["visit"]))["visit"]

        assert before.owner == other.node_id
        assert after.owner == exchange.node_id
        assert after.fence > before.fence
        # A lease lasts 3 s; the rest is a busy machine's.
        assert took_s < 15


async def test_a_process_that_ends_well_has_left_at_once(redis: RedisServer, other: Other) -> None:
    async with exchange_on(redis.url, timing=ExchangeTiming(renew_s=600.0, lease_s=1800.0)) as (exchange, told):
        await told.hears("joined", other.node_id)
        assert other.process.stdin is not None
        other.process.stdin.close()
        # Redis is not asked for ten minutes: it was the goodbye.
        await told.hears("left", other.node_id)

        assert (await exchange.claim(["visit"]))["visit"].owner == exchange.node_id


async def test_a_process_that_stood_still_learns_that_its_claims_lapsed(redis: RedisServer, other: Other) -> None:
    assert other.process.stdout is not None
    async with exchange_on(redis.url, timing=ExchangeTiming()) as (exchange, told):
        await told.hears("joined", other.node_id)
        os.kill(other.process.pid, signal.SIGSTOP)
        await told.hears("left", other.node_id)
        taken = (await exchange.claim(["visit"]))["visit"]
        os.kill(other.process.pid, signal.SIGCONT)
        line = await asyncio.wait_for(other.process.stdout.readline(), 30)
        await told.until(lambda: told.events.count(("joined", other.node_id)) == 2)

        assert line == b"back True\n"
        assert taken.owner == exchange.node_id
        assert exchange.peers == {other.node_id}


def test_a_listener_writes_down_what_it_is_told() -> None:
    told = Listener()
    told.joined("a")
    told.received("a", b"x")

    assert told.news() == [("joined", "a")]
    assert told.messages() == [b"x"]
