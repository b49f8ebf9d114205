"""The exchange in step with the phones' ticks, over a real Redis: heard with the ticks only, and nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from tests.redis_servers import RedisServer, redis_server
from tests.tracker.exchanges import (
    QUICK,
    exchange_on,
    heard_from_each_other,
    heard_from_each_other_again,
    send_all,
    two_on,
)
from tracker.guests import Guests

TICK_S = 0.004


@pytest_asyncio.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


class Ticking:
    """Guests in step with ticks that may be held."""

    def __init__(self) -> None:
        self.guests = Guests()
        self.held = False
        self._loop = asyncio.get_running_loop()
        self.guests.step(self._loop, in_step=True)
        self._tick()

    def _tick(self) -> None:
        more = not self.held and self.guests.keep(self._loop.time())
        self._timer = self._loop.call_later(0 if more else TICK_S, self._tick)

    def stop(self) -> None:
        self._timer.cancel()
        self.guests.step(self._loop, in_step=False)


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[Ticking]:
    ticks = Ticking()
    try:
        yield ticks
    finally:
        ticks.stop()


async def test_messages_arrive_in_the_order_of_sending_with_the_ticks(redis: RedisServer) -> None:
    sent = [b"%d" % number for number in range(5000)]

    async with ticking() as ticks, two_on(redis.url, guests=ticks.guests) as two:
        await send_all(two, sent)
        await two.told_b.hears("received", two.a.node_id, sent[-1])

    assert two.told_b.messages() == sent


async def test_much_that_comes_at_once_is_read_to_its_end(redis: RedisServer) -> None:
    large = os.urandom(900_000)

    async with ticking() as ticks, two_on(redis.url, guests=ticks.guests) as two:
        two.a.send(two.b.node_id, large)
        two.a.send(two.b.node_id, b"after it")
        await two.told_b.hears("received", two.a.node_id, b"after it")

    assert two.told_b.messages() == [large, b"after it"]


async def test_nothing_is_sent_or_heard_between_two_ticks(redis: RedisServer) -> None:
    async with (
        ticking() as ticks,
        exchange_on(redis.url, guests=ticks.guests) as (a, told_a),
        exchange_on(redis.url) as (b, told_b),
    ):
        await told_a.hears("joined", b.node_id)
        await told_b.hears("joined", a.node_id)
        await until_nothing_is_due(ticks)

        ticks.held = True
        a.send(b.node_id, b"from a")
        b.send(a.node_id, b"from b")
        async with exchange_on(redis.url) as (other, told_other):
            # By now Redis has worked off whatever it was sent before.
            await told_other.hears("joined", b.node_id)
            await told_b.hears("joined", other.node_id)
            b.send(other.node_id, b"later")
            await told_other.hears("received", b.node_id, b"later")
            assert told_a.messages() == told_b.messages() == []
            ticks.held = False
            await told_b.hears("received", a.node_id, b"from a")
            await told_a.hears("received", b.node_id, b"from b")


async def until_nothing_is_due(ticks: Ticking) -> None:
    """A hello may still be on its way out; whatever is due now is out after a few ticks."""
    done = asyncio.Event()
    ticks.guests.soon(10 * TICK_S, done.set)
    await done.wait()


@pytest.mark.parametrize("in_step", [True, False])
async def test_a_subscription_that_redis_hangs_up_on_is_made_anew(redis: RedisServer, in_step: bool) -> None:
    async with ticking() as ticks:
        guests = ticks.guests if in_step else Guests()
        async with two_on(redis.url, guests=guests, timing=QUICK) as two:
            await heard_from_each_other(two, b"before")
            descriptors = len(os.listdir("/proc/self/fd"))

            for number in range(3):
                await redis.run("CLIENT", "KILL", "TYPE", "pubsub")
                await heard_from_each_other_again(two, b"after %d" % number)

            assert two.a.counters().connections >= 4
            # Those that were cut are closed, their duplicates too.
            assert len(os.listdir("/proc/self/fd")) <= descriptors + 2


async def test_a_redis_that_was_killed_is_heard_again_in_step(tmp_path: Path) -> None:
    async with (
        redis_server(tmp_path) as redis,
        ticking() as ticks,
        two_on(redis.url, guests=ticks.guests, timing=QUICK) as two,
    ):
        await heard_from_each_other(two, b"before")

        redis.kill()
        await two.told_a.hears("cut_off")
        await two.told_b.hears("cut_off")
        await redis.start()

        await heard_from_each_other_again(two, b"after")


async def test_who_stops_leaves_no_guest_behind(redis: RedisServer) -> None:
    async with ticking() as ticks:
        async with two_on(redis.url, guests=ticks.guests) as two:
            await heard_from_each_other(two, b"word")
            assert ticks.guests.invited == 2

        assert ticks.guests.invited == 0


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_on_real_loops_nothing_is_lost_when_the_step_changes(
    redis: RedisServer, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    sent = [b"%d" % number for number in range(3000)]

    async def heard_while_the_step_changes() -> list[bytes]:
        async with ticking() as ticks, two_on(redis.url, guests=ticks.guests) as two:
            for number, message in enumerate(sent):
                two.a.send(two.b.node_id, message)
                if number % 50 == 0:
                    ticks.guests.step(asyncio.get_running_loop(), in_step=number % 100 == 0)
                    await asyncio.sleep(0.002)
            await two.told_b.hears("received", two.a.node_id, sent[-1])
            return two.told_b.messages()

    loop = new_loop()
    try:
        assert loop.run_until_complete(heard_while_the_step_changes()) == sent
    finally:
        loop.close()
