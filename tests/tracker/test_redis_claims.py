"""Who owns what, and what is kept of it, on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.redis_servers import RedisServer, redis_server
from tests.tracker.exchanges import QUICK, Listener, Two, exchange_on, two_on
from tracker.errors import ExchangeAway, ExchangeMessageTooLarge
from tracker.redis_blobs import LARGEST_MESSAGE
from tracker.redis_claims import CLAIM_S
from tracker.redis_exchange import RedisExchange
from tracker.redis_line import ExchangeTiming
from tracker.redis_names import RedisNames

NAMES = RedisNames("enroute")


@pytest_asyncio.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest_asyncio.fixture
async def two(redis: RedisServer) -> AsyncIterator[Two]:
    await redis.empty()
    async with two_on(redis.url) as both:
        yield both


async def test_of_two_who_claim_the_same_key_one_gets_it_and_both_know(two: Two) -> None:
    of_a, of_b = await asyncio.gather(two.a.claim(["visit", "only a"]), two.b.claim(["visit", "only b"]))

    assert of_a["visit"] == of_b["visit"]
    assert of_a["only a"].owner == two.a.node_id
    assert of_b["only b"].owner == two.b.node_id
    assert await two.b.owners(["visit", "only a", "nobody's"]) == {"visit": of_a["visit"], "only a": of_a["only a"]}


async def test_claiming_again_what_is_ours_changes_nothing(two: Two) -> None:
    first = await two.a.claim(["visit"])

    assert await two.a.claim(["visit"]) == first
    assert await two.a.take_over(["visit"], from_node=two.b.node_id) == first


async def test_an_owner_who_agreed_is_followed_under_a_larger_fence(two: Two) -> None:
    before = (await two.a.claim(["visit"]))["visit"]

    after = (await two.b.take_over(["visit"], from_node=two.a.node_id))["visit"]

    assert after.owner == two.b.node_id
    assert after.fence > before.fence
    assert (await two.a.claim(["visit"]))["visit"] == after


async def test_what_another_live_process_owns_is_not_taken_over_from_a_third(two: Two) -> None:
    before = await two.a.claim(["visit"])

    assert await two.b.take_over(["visit"], from_node="f" * 12) == before


async def test_only_ones_own_claims_are_released_and_the_fence_grows_over_it(two: Two) -> None:
    before = (await two.a.claim(["visit"]))["visit"]
    await two.b.release(["visit"])
    assert await two.b.owners(["visit"]) == {"visit": before}

    await two.a.release(["visit"])
    assert await two.b.owners(["visit"]) == {}
    after = (await two.b.claim(["visit"]))["visit"]

    assert after.owner == two.b.node_id
    assert after.fence > before.fence


async def test_the_fence_grows_although_redis_clock_went_back(redis: RedisServer, two: Two) -> None:
    ahead = 4_000_000_000_000_000
    async with redis.client() as client:
        await client.set(NAMES.claim("visit"), f"{'e' * 12}:{ahead}")

    claims = await two.a.claim(["visit"])
    await redis.run("DEL", NAMES.claim("visit"))
    later = await two.a.claim(["visit"])

    assert claims["visit"].fence == ahead + 1
    assert later["visit"].fence > ahead + 1


async def test_what_a_dead_process_owned_is_taken_when_its_lease_has_run_out(redis: RedisServer) -> None:
    async with exchange_on(redis.url, timing=QUICK) as (survivor, told):
        dead = RedisExchange(redis.url, timing=QUICK)
        await dead.start(Listener())
        await told.hears("joined", dead.node_id)
        before = (await dead.claim(["visit"]))["visit"]
        assert await survivor.claim(["visit"]) == {"visit": before}

        session = await dead._line.stop()  # it renews no more, and says nothing
        assert session is not None
        await told.hears("left", dead.node_id)
        assert await survivor.owners(["visit"]) == {}
        after = (await survivor.claim(["visit"]))["visit"]
        await session.close()

        assert after.owner == survivor.node_id
        assert after.fence > before.fence


async def test_a_thousand_keys_are_claimed_released_kept_and_read(two: Two) -> None:
    keys = [f"visit {number}" for number in range(2500)]

    claims = await two.a.claim(keys)
    await two.a.keep({key: (claims[key].fence, key.encode()) for key in keys})

    assert {claim.owner for claim in (await two.b.owners(keys)).values()} == {two.a.node_id}
    assert await two.b.states(keys) == {key: key.encode() for key in keys}
    await two.a.release(keys)
    assert await two.b.owners(keys) == {}


async def test_no_keys_are_no_question(two: Two) -> None:
    assert await two.a.claim([]) == {}
    assert await two.a.owners([]) == {}
    assert await two.a.states([]) == {}
    await two.a.release([])
    await two.a.keep({})


async def test_the_last_state_is_kept(two: Two) -> None:
    fence = (await two.a.claim(["visit"]))["visit"].fence

    await two.a.keep({"visit": (fence, b"first")})
    await two.a.keep({"visit": (fence, b"\x00second\xff"), "other": (fence, b"")})
    assert await two.b.states(["visit", "other", "unknown"]) == {"visit": b"\x00second\xff", "other": b""}


async def test_a_state_of_a_former_owner_is_refused(two: Two) -> None:
    old = (await two.a.claim(["visit"]))["visit"].fence
    await two.a.keep({"visit": (old, b"old")})
    new = (await two.b.take_over(["visit"], from_node=two.a.node_id))["visit"].fence

    # Even before the new owner has kept anything.
    await two.a.keep({"visit": (old, b"too late"), "another": (old, b"fine")})
    assert await two.b.states(["visit"]) == {"visit": b"old"}
    await two.b.keep({"visit": (new, b"new")})
    await two.a.keep({"visit": (old, b"too late")})

    assert await two.b.states(["visit", "another"]) == {"visit": b"new", "another": b"fine"}
    assert two.a.counters().refused_states == 2


async def test_a_state_is_refused_for_its_kept_fence_when_the_claim_is_gone(redis: RedisServer, two: Two) -> None:
    await two.a.keep({"visit": (20, b"new")})
    await two.a.keep({"visit": (9, b"old")})

    assert await two.a.states(["visit"]) == {"visit": b"new"}


async def test_a_state_that_is_too_large_is_refused_before_anything_is_kept(two: Two) -> None:
    with pytest.raises(ExchangeMessageTooLarge):
        await two.a.keep({"small": (1, b"x"), "large": (1, bytes(LARGEST_MESSAGE + 1))})

    assert await two.a.states(["small"]) == {}


async def test_everything_kept_expires_by_itself(redis: RedisServer, two: Two) -> None:
    await two.a.claim(["visit"])
    await two.a.keep({"visit": (1 << 52, b"state")})

    async with redis.client() as client:
        assert 0 < await client.ttl(NAMES.claim("visit")) <= CLAIM_S
        assert 0 < await client.ttl(NAMES.state("visit")) <= CLAIM_S
        # Looked after, a claim lives on; one that was taken over is no longer ours to look after.
        await two.a.claim(["taken"])
        await two.b.take_over(["taken"], from_node=two.a.node_id)
        await client.expire(NAMES.claim("visit"), 5)
        await client.expire(NAMES.claim("taken"), 5)
        await two.a._claims.look_after(client)
        assert await client.ttl(NAMES.claim("visit")) > 5
        assert await client.ttl(NAMES.claim("taken")) <= 5
    assert two.a._claims.ours == {"visit"}


async def test_who_does_not_know_yet_that_redis_was_emptied_takes_nothing(redis: RedisServer) -> None:
    # By itself it would ask in an hour.
    slow = ExchangeTiming(lease_s=7200.0, renew_s=3600.0, silence_s=7200.0)
    async with exchange_on(redis.url, timing=slow) as (exchange, told):
        await exchange.claim(["ours"])
        await redis.empty()
        await redis.run("HSET", NAMES.meta, "generation", "another")

        with pytest.raises(ExchangeAway, match="NOLEASE"):
            await exchange.claim(["theirs"])

        await told.hears("back", True)
        assert (await exchange.claim(["ours"]))["ours"].owner == exchange.node_id
