"""Random outages under traffic: whatever happens to Redis, order holds, no loss goes unsaid, and all find together."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from tests.redis_servers import RedisServer, redis_server, until
from tests.tracker.exchanges import QUICK, Listener, Two, heard_from_each_other, two_on
from tracker.errors import ExchangeAway

OUTAGES = 6


async def _talk(two: Two) -> None:
    """Numbers in both directions, some to one process and some to everybody, until cancelled."""
    number = 0
    while True:
        for here, there in ((two.a, two.b), (two.b, two.a)):
            for _ in range(3):
                here.send(there.node_id, b"%d" % number)
                here.broadcast(b"%d" % (number + 1))
                number += 2
        await asyncio.sleep(0.003)


async def _trouble(redis: RedisServer, random_: random.Random) -> None:
    match random_.choice(("kill", "pause", "empty", "deaf", "mute", "all")):
        case "kill":
            redis.kill()
            await asyncio.sleep(random_.uniform(0.0, 0.6))
            await redis.start()
        case "pause":
            redis.pause()
            await asyncio.sleep(random_.uniform(0.0, 1.2))
            redis.resume()
        case "empty":
            await redis.empty()
        case "deaf":
            await redis.run("CLIENT", "KILL", "TYPE", "pubsub")
        case "mute" | "all":
            await redis.run("CLIENT", "KILL", "TYPE", "normal")
    await asyncio.sleep(random_.uniform(0.0, 0.8))


async def _agree_who_owns(two: Two) -> bool:
    try:
        return await two.a.claim(["visit"]) == await two.b.claim(["visit"])
    except ExchangeAway:
        return False


def unsaid_losses(told: Listener) -> list[tuple[int, int]]:
    """(last, next) message where some are missing in between and nobody said so, or that came out of order."""
    found = []
    last: int | None = None
    was_told = True
    for event in told.events:
        if event[0] in ("missed", "joined"):
            was_told = True
        elif event[0] == "received" and event[2].isdigit():
            number = int(event[2])
            # Six numbers a turn in each direction.
            expected = None if last is None else last + 1 if last % 6 != 5 else last + 7
            if (last is not None and number <= last) or (number != expected and not was_told):
                found.append((last or 0, number))
            last, was_told = number, False
    return found


async def weather(folder: Path, seed: int) -> None:
    random_ = random.Random(seed)
    async with redis_server(folder) as redis, two_on(redis.url, timing=QUICK) as two:
        talking = asyncio.create_task(_talk(two))
        for _ in range(OUTAGES):
            await _trouble(redis, random_)
        await two.told_a.until(lambda: two.a.connected and two.b.node_id in two.a.peers)
        await two.told_b.until(lambda: two.b.connected and two.a.node_id in two.b.peers)
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking
        await heard_from_each_other(two, b"calm")

        assert unsaid_losses(two.told_a) == []
        assert unsaid_losses(two.told_b) == []
        # The last trouble may have emptied Redis a moment ago: claims are refused until both have noticed.
        await until(lambda: _agree_who_owns(two), "both may claim again")
        assert two.a.holds_lease()
        assert two.b.holds_lease()


async def test_a_loss_is_never_unsaid_in_bad_weather(tmp_path: Path) -> None:
    await weather(tmp_path, 1)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2, 42))
async def test_a_loss_is_never_unsaid_in_any_weather(tmp_path: Path, seed: int) -> None:
    await weather(tmp_path, seed)


def test_a_loss_that_nobody_told_would_be_found() -> None:
    told = Listener()
    for number in (0, 1, 2, 4):
        told.received("a", b"%d" % number)
    told.missed("a")
    told.received("a", b"13")
    told.received("a", b"12")

    assert unsaid_losses(told) == [(2, 4), (13, 12)]
