"""Who lives, by Redis' own clock: what is in Redis is set as if time had passed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests.redis_servers import RedisServer, redis_server
from tests.tracker.exchanges import script_socket
from tracker.redis_leases import RedisLeases
from tracker.redis_names import RedisNames
from tracker.redis_scripts import ScriptSocket

A, B = "a" * 12, "b" * 12
NAMES = RedisNames("leases")
LEASE_MS = 30_000
PAUSE_MS = 15_000
GRACE_MS = 20_000


@pytest_asyncio.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    await server.empty()
    async with server.client() as each:
        yield each


@pytest_asyncio.fixture
async def scripts(server: RedisServer, client: Redis) -> AsyncIterator[ScriptSocket]:
    async with script_socket(server) as each:
        yield each


def leases_of(node_id: str) -> RedisLeases:
    return RedisLeases(node_id, NAMES, lease_ms=LEASE_MS, pause_ms=PAUSE_MS, grace_ms=GRACE_MS)


async def pass_time(client: Redis, ms: int, *, without_renewals: bool) -> None:
    for node_id, score in await client.zrange(NAMES.members, 0, -1, withscores=True):
        await client.zadd(NAMES.members, {node_id: score - ms})
    if without_renewals:
        await client.hincrby(NAMES.meta, "alive", -ms)


async def test_a_first_lease_is_new_and_a_second_one_was_held(scripts: ScriptSocket) -> None:
    first = await leases_of(A).renew(scripts)
    second = await leases_of(A).renew(scripts)

    assert not first.held
    assert second.held
    assert second.generation == first.generation
    assert second.others == {}


async def test_the_others_are_listed_with_what_is_left_of_their_leases(scripts: ScriptSocket) -> None:
    await leases_of(A).renew(scripts)

    others = (await leases_of(B).renew(scripts)).others

    assert others.keys() == {A}
    assert LEASE_MS - 10_000 < others[A] <= LEASE_MS


async def test_whose_lease_ran_out_while_others_renewed_is_gone(client: Redis, scripts: ScriptSocket) -> None:
    await leases_of(A).renew(scripts)
    await client.hset(NAMES.meta, f"c:{A}", 3)
    await pass_time(client, LEASE_MS + 1, without_renewals=False)

    assert (await leases_of(B).renew(scripts)).others == {}
    back = await leases_of(A).renew(scripts)
    assert not back.held
    assert back.changes == 0


async def test_time_in_which_nobody_renewed_takes_nobodys_lease(client: Redis, scripts: ScriptSocket) -> None:
    await leases_of(A).renew(scripts)
    await leases_of(B).renew(scripts)
    await pass_time(client, 3_600_000, without_renewals=True)

    first = await leases_of(B).renew(scripts)
    second = await leases_of(A).renew(scripts)

    assert first.held
    assert first.others == {A: GRACE_MS}
    assert second.held


async def test_a_renewal_that_came_a_little_late_gives_the_dead_no_more_than_that(
    client: Redis, scripts: ScriptSocket
) -> None:
    await leases_of(A).renew(scripts)
    await pass_time(client, LEASE_MS - 12_000, without_renewals=False)
    await leases_of(B).renew(scripts)
    await pass_time(client, PAUSE_MS + 1000, without_renewals=True)

    # Its lease ran out four seconds ago, and for one second Redis may have been away.
    assert 0 < (await leases_of(B).renew(scripts)).others[A] <= 1000 + 1000


async def test_who_was_dead_before_redis_was_away_stays_dead(client: Redis, scripts: ScriptSocket) -> None:
    await leases_of(A).renew(scripts)
    await pass_time(client, LEASE_MS + 5000, without_renewals=False)
    await pass_time(client, 60_000, without_renewals=True)

    assert (await leases_of(B).renew(scripts)).others == {}


async def test_a_clock_that_went_back_gives_nobody_more_than_a_lease(client: Redis, scripts: ScriptSocket) -> None:
    await leases_of(A).renew(scripts)
    await pass_time(client, -3_600_000, without_renewals=True)

    assert (await leases_of(B).renew(scripts)).others == {A: LEASE_MS}


async def test_a_lease_that_was_given_up_is_gone_at_once(scripts: ScriptSocket) -> None:
    await leases_of(A).renew(scripts)
    await leases_of(A).give_up(scripts)

    assert (await leases_of(B).renew(scripts)).others == {}


async def test_an_emptied_memory_has_another_name(client: Redis, scripts: ScriptSocket) -> None:
    before = await leases_of(A).renew(scripts)
    await client.flushall()
    after = await leases_of(A).renew(scripts)

    assert after.generation != before.generation
    assert not after.held
