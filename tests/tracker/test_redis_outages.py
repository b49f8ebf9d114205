"""What the processes are told when Redis is killed, paused, emptied or restarted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.redis_servers import RedisServer, redis_server
from tests.tracker.exchanges import CALM, QUICK, Listener, exchange_on, heard_from_each_other_again, two_on
from tracker.errors import ExchangeAway
from tracker.guests import Guests
from tracker.redis_exchange import RedisExchange
from tracker.redis_names import RedisNames
from tracker.redis_peers import RedisPeers

NAMES = RedisNames("enroute")


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path) as server:
        yield server


def in_order(told: Listener, *events: tuple) -> bool:
    """Whether these were told in this order, whatever was told in between."""
    rest = iter(told.news())
    return all(event in rest for event in events)


async def test_a_redis_that_was_killed_cuts_off_and_comes_back_empty(redis: RedisServer) -> None:
    async with two_on(redis.url, timing=QUICK) as two:
        before = (await two.a.claim(["visit"]))["visit"]
        redis.kill()
        await two.told_a.hears("cut_off")
        await two.told_b.hears("cut_off")

        assert not two.a.connected
        assert not two.a.holds_lease()
        two.a.send(two.b.node_id, b"lost")
        with pytest.raises(ExchangeAway):
            await two.a.claim(["visit"])

        await redis.start()
        await two.told_a.hears("missed", two.b.node_id)
        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other_again(two, b"together again")

        assert in_order(two.told_a, ("cut_off",), ("back", True), ("missed", two.b.node_id))
        assert ("left", two.b.node_id) not in two.told_a.events
        assert two.a.holds_lease()
        assert (await two.a.claim(["visit"]))["visit"].fence > before.fence
        assert two.a.peers == {two.b.node_id}
        assert b"lost" not in two.told_b.messages()


async def test_a_redis_that_is_back_at_once_cuts_nobody_off(redis: RedisServer) -> None:
    async with two_on(redis.url) as two:
        redis.kill()
        await redis.start()
        await two.told_a.hears("missed", two.b.node_id)
        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other_again(two, b"again")

        assert two.told_a.news()[:2] == [("joined", two.b.node_id), ("back", True)]
        assert ("cut_off",) not in two.told_a.events


async def test_while_redis_reads_nothing_no_more_waits_than_is_allowed(redis: RedisServer) -> None:
    async with two_on(redis.url, timing=QUICK, largest_backlog=4_000_000) as two:
        redis.pause()
        for _ in range(60):
            two.a.send(two.b.node_id, bytes(1_000_000))
            two.a._flush()

        assert sum(two.a._outbox._backlog.values()) < 5_100_000
        assert two.a.counters().dropped_messages > 40
        redis.resume()
        await two.told_b.hears("missed", two.a.node_id)
        await two.told_a.until(lambda: two.a.connected)
        await heard_from_each_other_again(two, b"again")


async def test_a_redis_that_stood_still_has_forgotten_nothing(redis: RedisServer) -> None:
    async with two_on(redis.url, timing=QUICK) as two:
        before = await two.a.claim(["visit"])
        redis.pause()
        await two.told_a.hears("cut_off")
        await two.told_b.hears("cut_off")
        redis.resume()
        await two.told_a.until(lambda: two.told_a.events[-1] == ("missed", two.b.node_id))
        await two.told_b.until(lambda: two.told_b.events[-1] == ("missed", two.a.node_id))
        await heard_from_each_other_again(two, b"together again")

        assert two.told_a.news()[1:] == [("cut_off",), ("back", False), ("missed", two.b.node_id)]
        assert await two.b.claim(["visit"]) == before


async def test_who_died_before_a_pause_has_left_after_it(redis: RedisServer) -> None:
    async with exchange_on(redis.url, timing=QUICK) as (_, told):
        dead = RedisExchange(redis.url, timing=QUICK)
        await dead.start(Listener())
        await told.hears("joined", dead.node_id)
        session = await dead._line.stop()
        assert session is not None

        redis.pause()
        await told.hears("cut_off")
        redis.resume()
        await told.hears("left", dead.node_id)
        await session.close()


async def test_an_emptied_redis_is_noticed_by_all_and_nobody_is_said_to_have_left(redis: RedisServer) -> None:
    async with two_on(redis.url) as two:
        before = (await two.a.claim(["visit"]))["visit"]
        await redis.empty()
        await two.told_a.hears("back", True)
        await two.told_b.hears("back", True)

        assert (await two.a.claim(["visit"]))["visit"].fence > before.fence
        assert two.a.peers == {two.b.node_id}
        assert two.told_a.news() == [("joined", two.b.node_id), ("back", True)]
        assert two.told_b.news()[-1:] == [("back", True)]


async def test_a_redis_that_lost_our_last_claims_is_as_good_as_emptied(redis: RedisServer) -> None:
    async with exchange_on(redis.url) as (exchange, told):
        await exchange.claim(["one"])
        await exchange.claim(["two"])
        # A replica that took over before the last claim had reached it.
        await redis.run("HINCRBY", NAMES.meta, f"c:{exchange.node_id}", -1)

        await told.hears("back", True)
        assert told.events == [("back", True)]


async def test_a_process_whose_lease_was_taken_claims_anew_and_joins_again(redis: RedisServer) -> None:
    async with two_on(redis.url) as two:
        await two.a.claim(["visit"])
        await redis.run("ZADD", NAMES.members, 1, two.a.node_id)

        await two.told_a.hears("back", True)
        # Whoever of the two asks first sees it: b may have heard that a left, then it has joined again.
        await heard_from_each_other_again(two, b"still here")
        assert two.told_b.news().count(("left", two.a.node_id)) + 1 == two.told_b.news().count(
            ("joined", two.a.node_id)
        )


async def test_a_short_loss_of_the_connection_is_missed_messages_and_no_more(redis: RedisServer) -> None:
    async with two_on(redis.url) as two:
        await redis.run("CLIENT", "KILL", "TYPE", "pubsub")
        await two.told_a.hears("missed", two.b.node_id)
        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other_again(two, b"again")

        assert {event[0] for event in two.told_a.news()} == {"joined", "missed"}


async def test_every_connection_that_is_lost_at_once_comes_back(redis: RedisServer) -> None:
    async with two_on(redis.url) as two:
        await two.a.claim(["visit"])
        await redis.run("CLIENT", "KILL", "TYPE", "normal")
        await two.told_a.hears("missed", two.b.node_id)
        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other_again(two, b"again")

        assert (await two.b.owners(["visit"]))["visit"].owner == two.a.node_id
        assert ("cut_off",) not in two.told_a.events


async def test_a_subscription_that_is_deaf_is_noticed_by_what_does_not_come_back(redis: RedisServer) -> None:
    guests = Guests()
    async with two_on(redis.url, guests=guests, timing=msgspec.structs.replace(CALM, silence_s=0.8)) as two:
        session = two.b._line.session
        assert session is not None
        guests.dismiss(session._subscriber)

        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other_again(two, b"again")

        assert ("cut_off",) not in two.told_b.events


async def test_who_starts_while_redis_is_away_is_told_and_joins_when_it_comes(redis: RedisServer) -> None:
    redis.kill()
    async with exchange_on(redis.url, timing=QUICK) as (exchange, told):
        assert told.events == [("cut_off",)]
        with pytest.raises(ExchangeAway):
            await exchange.owners(["visit"])

        await redis.start()
        await told.hears("back", False)

        assert (await exchange.claim(["visit"]))["visit"].owner == exchange.node_id


async def test_stopping_while_redis_is_away_takes_no_time_and_raises_nothing(redis: RedisServer) -> None:
    async with exchange_on(redis.url, timing=QUICK) as (_, told):
        redis.kill()
        await told.hears("cut_off")


async def test_stopping_while_redis_stands_still_raises_nothing(redis: RedisServer) -> None:
    async with exchange_on(redis.url, timing=QUICK) as (exchange, _):
        await exchange.claim(["visit"])
        redis.pause()


async def test_a_redis_that_is_read_only_is_not_good_enough(redis: RedisServer) -> None:
    async with exchange_on(redis.url, timing=QUICK) as (exchange, told):
        await redis.run("REPLICAOF", "127.0.0.1", "1")
        await told.hears("cut_off")
        assert not exchange.holds_lease()

        await redis.run("REPLICAOF", "NO", "ONE")
        await told.hears("back", False)
        assert exchange.holds_lease()


def test_peers_are_patient_for_a_lease_only() -> None:
    peers = RedisPeers("0" * 12)
    peers.listed(["1" * 12], asked_s=0.0)
    peers.be_patient(3.0)

    assert peers.listed([], asked_s=3.1).left == ("1" * 12,)
