"""Messages and membership over a real Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.redis_servers import RedisServer, redis_server
from tests.tracker.exchanges import CALM, QUICK, Listener, exchange_on, heard_from_each_other, send_all, two_on
from tracker.errors import ExchangeMessageTooLarge
from tracker.redis_blobs import LARGEST_MESSAGE, Messages, decode_blob, encode_blob
from tracker.redis_exchange import RedisExchange
from tracker.redis_leases import RedisLeases, Renewal
from tracker.redis_names import EVERYBODY, RedisNames
from tracker.redis_scripts import ScriptSocket

NAMES = RedisNames("enroute")


@pytest_asyncio.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def url(redis: RedisServer) -> str:
    return redis.url


async def test_messages_arrive_in_the_order_of_sending(url: str) -> None:
    sent = [b"%d" % number for number in range(5000)]

    async with two_on(url) as two:
        await send_all(two, sent)
        await two.told_b.hears("received", two.a.node_id, sent[-1])

        assert two.told_b.messages() == sent
        assert two.told_b.news() == [("joined", two.a.node_id)]
        assert two.told_a.messages() == []


async def test_a_process_heard_before_ones_own_first_lease_has_lost_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew = RedisLeases.renew

    async with exchange_on(url) as (old, _):
        young, told = RedisExchange(url, timing=CALM), Listener()

        async def renew_once_heard(leases: RedisLeases, scripts: ScriptSocket) -> Renewal:
            if not young.connected and leases is not old._line._leases:
                await told.hears("joined", old.node_id)
            return await renew(leases, scripts)

        monkeypatch.setattr(RedisLeases, "renew", renew_once_heard)
        await young.start(told)
        old.broadcast(b"after")
        await told.hears("received", old.node_id, b"after")
        await young.stop()

    assert told.news() == [("joined", old.node_id)]
    assert young.counters().missed == 0


async def test_what_is_sent_at_once_travels_as_one_blob(url: str) -> None:
    async with two_on(url) as two:
        before = two.a.counters()
        for _ in range(50):
            two.a.send(two.b.node_id, b"x" * 270)
        await two.told_b.until(lambda: len(two.told_b.messages()) == 50)
        after = two.a.counters()

    assert after.sent_messages - before.sent_messages == 50
    assert after.sent_blobs - before.sent_blobs <= 2  # a renewal may say hello in between


async def test_when_much_is_sent_a_tick_is_waited_for_and_joins_it(redis: RedisServer) -> None:
    slow_tick = msgspec.structs.replace(CALM, tick_s=0.3)
    async with two_on(redis.url, timing=slow_tick) as two, redis.client() as client, client.pubsub() as pubsub:
        await pubsub.subscribe(NAMES.channel(two.b.node_id))
        await heard_from_each_other(two, b"one")
        two.a.send(two.b.node_id, b"two")
        await asyncio.sleep(0)
        two.a.send(two.b.node_id, b"three")
        await two.told_b.hears("received", two.a.node_id, b"three")

        blobs = []
        while b"three" not in [message for blob in blobs for message in blob]:
            published = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5.0)
            blob = decode_blob(published["data"]) if published else None
            if isinstance(blob, Messages):
                blobs.append(blob.messages)
        assert blobs == [[b"one"], [b"two", b"three"]]


async def test_a_message_for_one_process_reaches_no_other(url: str) -> None:
    async with two_on(url) as two, exchange_on(url) as (c, told_c):
        await two.told_a.hears("joined", c.node_id)

        two.a.send(two.b.node_id, b"for b")
        two.a.send(c.node_id, b"for c")
        two.a.broadcast(b"for all")
        await told_c.hears("received", two.a.node_id, b"for all")
        await two.told_b.hears("received", two.a.node_id, b"for all")

        assert told_c.messages() == [b"for c", b"for all"]
        assert two.told_b.messages() == [b"for b", b"for all"]
        assert two.a.peers == {two.b.node_id, c.node_id}


async def test_a_message_of_nearly_a_mebibyte_arrives_and_a_larger_one_is_refused(url: str) -> None:
    async with two_on(url) as two:
        with pytest.raises(ExchangeMessageTooLarge):
            two.a.send(two.b.node_id, bytes(LARGEST_MESSAGE + 1))
        for _ in range(5):
            two.a.send(two.b.node_id, bytes(LARGEST_MESSAGE))

        await two.told_b.until(lambda: len(two.told_b.messages()) == 5)


async def test_a_message_that_cannot_be_taken_does_not_stop_those_behind_it(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Choosy(Listener):
        def received(self, sender: str, message: bytes) -> None:
            if message == b"bad":
                raise RuntimeError("not to my taste")
            super().received(sender, message)

    listener = Choosy()
    choosy = RedisExchange(url, timing=CALM)
    await choosy.start(listener)
    async with exchange_on(url) as (other, told):
        await told.hears("joined", choosy.node_id)
        for message in (b"good", b"bad", b"better"):
            other.send(choosy.node_id, message)
        await listener.hears("received", other.node_id, b"better")
    await choosy.stop()

    assert listener.messages() == [b"good", b"better"]
    assert "not to my taste" in caplog.text


async def test_a_goodbye_is_heard_at_once_and_gives_up_every_claim(url: str) -> None:
    async with exchange_on(url) as (stays, told):
        async with exchange_on(url) as (goes, told_other):
            await told.hears("joined", goes.node_id)
            await told_other.hears("joined", stays.node_id)
            await goes.claim(["visit"])
            # Far longer than a lease: if it is told, it was the goodbye.
            goes.send(stays.node_id, b"last words")
        await told.hears("left", goes.node_id)

        assert told.messages() == [b"last words"]
        assert await stays.owners(["visit"]) == {}
        assert stays.peers == frozenset()


async def test_installations_with_different_names_or_databases_do_not_meet(url: str) -> None:
    async with (
        exchange_on(url) as (ours, told),
        exchange_on(url, name="other") as (theirs, told_theirs),
        exchange_on(f"{url}/1") as (apart, told_apart),
    ):
        claims = [await each.claim(["visit"]) for each in (ours, theirs, apart)]

        assert [claim["visit"].owner for claim in claims] == [ours.node_id, theirs.node_id, apart.node_id]
        assert told.events == told_theirs.events == told_apart.events == []


async def test_what_is_no_message_of_ours_is_counted_and_dropped(redis: RedisServer) -> None:
    async with two_on(redis.url) as two, redis.client() as client:
        own = NAMES.channel(two.b.node_id)
        for payload in (b"\xc1", b"{}", b"\x93\xa2m1", b"x" * 2000, encode_blob(["m9", "a" * 12, 1, []])):
            await client.publish(own, payload)
        # A blob that is well made, by a process that holds no lease.
        await client.publish(own, encode_blob(Messages("f" * 12, 1, [b"forged"])))
        await heard_from_each_other(two, b"still here")

        assert two.told_b.messages() == [b"still here"]
        assert two.b.counters().garbage == 5
        assert two.b.counters().strangers == 1


async def test_a_payload_beyond_every_limit_costs_the_connection_and_is_told_as_a_loss(redis: RedisServer) -> None:
    async with two_on(redis.url) as two, redis.client() as client:
        await client.publish(NAMES.channel(two.b.node_id), bytes(3 * 1024 * 1024))
        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other(two, b"again")

        assert two.b.counters().connections == 2
        assert ("cut_off",) not in two.told_b.events


async def test_a_gap_in_the_count_is_told_before_the_message_behind_it(redis: RedisServer) -> None:
    async with two_on(redis.url) as two, redis.client() as client:
        await heard_from_each_other(two, b"one")
        await client.publish(NAMES.channel(two.b.node_id), encode_blob(Messages(two.a.node_id, 5, [b"five"])))
        await two.told_b.hears("received", two.a.node_id, b"five")

        assert two.told_b.events[-2:] == [("missed", two.a.node_id), ("received", two.a.node_id, b"five")]


async def test_a_last_message_that_got_lost_is_noticed_without_another_one(redis: RedisServer) -> None:
    async with two_on(redis.url) as two:
        await heard_from_each_other(two, b"one")
        # As if Redis had lost it: taken from the outbox, published to nobody.
        two.a._outbox.add(two.b.node_id, b"two")
        two.a._outbox.take(1 << 20)

        await two.told_b.hears("missed", two.a.node_id)


async def test_what_overflows_is_dropped_and_the_receiver_is_told(redis: RedisServer) -> None:
    async with two_on(redis.url, largest_backlog=100_000) as two:
        for _ in range(20):
            two.a.send(two.b.node_id, bytes(50_000))
            two.a.broadcast(b"between")
        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other(two, b"goes on")

        assert two.a.counters().dropped_messages > 0


async def test_a_process_whose_hello_got_lost_is_found_in_redis(redis: RedisServer) -> None:
    async with exchange_on(redis.url) as (here, told), redis.client() as client:
        seconds, _ = await client.time()
        await client.zadd(NAMES.members, {"ab" * 6: (seconds + 60) * 1000})
        await told.hears("joined", "ab" * 6)
        # As when its lease has run out.
        await client.zadd(NAMES.members, {"ab" * 6: seconds * 1000})
        await told.hears("left", "ab" * 6)

        assert here.peers == frozenset()


async def test_a_wrong_password_is_no_secret_told_and_no_error_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with redis_server(tmp_path, "--requirepass", "right") as server:
        wrong = f"redis://:hunter2@127.0.0.1:{server.port}"
        async with exchange_on(wrong, timing=QUICK) as (exchange, told):
            assert told.events == [("cut_off",)]
            assert not exchange.connected
            assert not exchange.holds_lease()

    assert "WRONGPASS" in caplog.text or "invalid" in caplog.text
    assert "hunter2" not in caplog.text


def test_the_channel_of_everybody_is_none_of_a_process() -> None:
    assert NAMES.channel(EVERYBODY) != NAMES.channel("a" * 12)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "{x}"])
async def test_an_installation_with_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="an installation is named"):
        RedisExchange("redis://localhost", name=name)
