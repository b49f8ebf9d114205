"""Limits that hold over all processes, on a real Redis that can be stopped, paused and emptied."""

import asyncio
import contextlib

import pytest
import pytest_asyncio

from tests.redis_servers import RedisServer, SentinelSet, redis_cluster, redis_server, sentinel_set, until
from tests.web.api.house import open_house
from web import redis_limits
from web.redis_limits import RedisBuckets
from web.throttle import Bucket, Limits, Throttle


@pytest_asyncio.fixture(scope="module")
async def shared_redis(tmp_path_factory):
    async with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def patient(monkeypatch):
    """Redis may take longer to answer than a person is made to wait for it: the machine is busy, and it is not away."""
    monkeypatch.setattr(redis_limits, "WITHIN_S", 10.0)


@pytest_asyncio.fixture
async def redis(shared_redis, patient):
    """Without keys."""
    await shared_redis.empty()
    return shared_redis


@contextlib.asynccontextmanager
async def process_of(redis: RedisServer | SentinelSet, **limits: Throttle):
    """The limits as one process of the installation has them."""
    buckets = RedisBuckets(redis.url)
    yield Limits(**limits, shared=buckets)
    await buckets.close()


def three() -> dict[str, Throttle]:
    """Nothing is refilled in the time of a test, on the slowest machine."""
    return {"reset_email": Throttle(burst=3, refill_s=1000), "reset_address": Throttle(burst=100, refill_s=100)}


async def test_what_one_process_gave_another_one_does_not_give_again(redis):
    async with process_of(redis, **three()) as one, process_of(redis, **three()) as other:
        waits = [await each.take(0, reset_email="rui") for each in (one, other, one, other, one)]
        for_eva = await other.take(0, reset_email="eva")

    assert waits[:3] == [0, 0, 0]
    assert all(900 < wait <= 1000 for wait in waits[3:])
    assert for_eva == 0


async def test_of_many_who_try_at_once_in_all_processes_only_the_burst_passes(redis):
    async with process_of(redis, **three()) as one, process_of(redis, **three()) as other:
        waits = await asyncio.gather(*(each.take(0, reset_email="rui") for _ in range(20) for each in (one, other)))

    assert waits.count(0) == 3


async def test_two_limits_are_taken_from_together_or_not_at_all(redis):
    async with process_of(redis, **three()) as one, process_of(redis, **three()) as other:
        for number in range(100):
            await one.take(0, reset_email=f"{number}", reset_address="here")
        refused = await other.take(0, reset_email="rui", reset_address="here")
        elsewhere = [await other.take(0, reset_email="rui", reset_address="there") for _ in range(3)]

    assert 0 < refused <= 100
    assert elsewhere == [0, 0, 0]


async def test_a_good_try_is_given_back_in_all_processes(redis):
    async with process_of(redis, **three()) as one, process_of(redis, **three()) as other:
        for _ in range(3):
            await one.take(0, reset_email="rui")
        await one.give_back(0, reset_email="rui")

        waits = [await other.take(0, reset_email="rui") for _ in range(2)]

    assert (waits[0], waits[1] > 0) == (0, True)


async def test_a_bucket_fills_with_time_and_is_forgotten_when_it_is_full(redis):
    async with process_of(redis, **three()) as one, redis.client() as client:
        for _ in range(3):
            await one.take(0, reset_email="rui")
        (key,) = await client.keys()
        lives_ms = await client.pttl(key)
        # As if a refill had passed.
        await client.set(key, int(await client.get(key)) - 1_000_000)
        async with process_of(redis, **three()) as other:
            waits = [await other.take(0, reset_email="rui") for _ in range(2)]

    assert 2_900_000 < lives_ms <= 3_000_000
    assert (waits[0], waits[1] > 0) == (0, True)


async def test_redis_holds_no_address_of_anybody(redis):
    async with process_of(redis, **three()) as one, redis.client() as client:
        await one.take(0, reset_email="rui@acme.example", reset_address="192.0.2.7")

        keys = b" ".join(await client.keys())

    assert b"{enroute:enroute}:limit:reset_email:" in keys
    assert b"rui" not in keys
    assert b"192.0.2" not in keys


async def test_while_redis_is_away_each_process_has_its_own_limit_and_afterwards_all_share_again(
    tmp_path, caplog, patient, monkeypatch
):
    async with redis_server(tmp_path) as redis, process_of(redis, **three()) as one:
        await one.take(0, reset_email="rui")
        redis.pause()
        with monkeypatch.context() as outage:
            outage.setattr(redis_limits, "WITHIN_S", 0.3)
            outage.setattr(redis_limits, "AWAY_S", 60.0)
            waits = [await one.take(0, reset_email="rui")]
        # Only the first one waits for it.
        waits += [at_once(one.take(0, reset_email="rui")) for _ in range(2)]
        redis.resume()
        one.shared._try_at_s = 0.0
        await one.take(0, reset_email="eva")
        async with process_of(redis, **three()) as other:
            for_eva = [await other.take(0, reset_email="eva") for _ in range(3)]

    assert waits[:2] == [0, 0]
    assert waits[2] > 0
    assert for_eva[:2] == [0, 0]
    assert for_eva[2] > 0
    assert [record.message for record in caplog.records if record.name == "enroute.limits"] == [
        "limits hold for this process alone, Redis does not answer: TimeoutError"
    ]


def at_once(asked):
    """The answer of a coroutine that waits for nothing at all."""
    with pytest.raises(StopIteration) as answered:
        asked.send(None)
    return answered.value.value


async def test_the_master_that_sentinels_choose_next_keeps_the_limits(tmp_path, patient):
    async with (
        sentinel_set(tmp_path) as redis,
        process_of(redis, **three()) as one,
        process_of(redis, **three()) as other,
    ):
        await one.take(0, reset_email="rui")
        redis.master.kill()
        await redis.failed_over()
        for each in (one, other):
            await each.take(0, reset_email="nobody")  # finds out that the old one is gone
            await until(lambda: shares_again(each.shared), "the new master is asked")  # noqa: B023
        waits = [await each.take(0, reset_email="eva") for each in (one, other) * 2]

    assert waits[:3] == [0] * 3
    assert waits[3] > 0


async def shares_again(buckets: RedisBuckets) -> bool:
    """Sentinels name the new master a little after it has become that."""
    buckets._try_at_s = 0.0
    return await buckets.take([Bucket("reset_email", "anybody", 100, 1)]) is not None


async def test_in_a_cluster_two_limits_are_taken_from_together(tmp_path, patient):
    async with redis_cluster(tmp_path) as servers:
        url = f"redis+cluster://{','.join(f'127.0.0.1:{server.port}' for server in servers)}"
        one, other = (Limits(shared=RedisBuckets(url), **three()) for _ in range(2))
        waits = [await each.take(0, reset_email="rui", reset_address="here") for each in (one, other) * 2]
        for each in (one, other):
            await each.shared.close()

    assert waits[:3] == [0] * 3
    assert waits[3] > 0


async def test_without_any_redis_nobody_is_refused(tmp_path):
    buckets = RedisBuckets(f"unix://{tmp_path / 'nothing.sock'}")

    waits = [await Limits(shared=buckets, **three()).take(0, reset_email="rui") for _ in range(5)]

    assert waits == [0] * 5


async def test_wrong_passwords_count_in_all_processes(redis, template, tmp_path):
    wrong = {"email": "rui@acme.example", "password": "not this one"}
    async with (
        open_house(template, tmp_path / "house", redis=redis.url) as one,
        open_house(None, tmp_path / "house", redis=redis.url) as other,
    ):
        tries = [(await house.nobody.post("/api/session", json=wrong)).status_code for house in (one, other) * 5]
        more = [await house.nobody.post("/api/session", json=wrong) for house in (one, other)]

    assert tries == [401] * 10
    # The limit of an e-mail address gives another try in a minute, of which the tries have taken some; that of a
    # network address in ten seconds.
    assert [(answer.status_code, 10 < int(answer.headers["retry-after"]) <= 60) for answer in more] == [(429, True)] * 2
