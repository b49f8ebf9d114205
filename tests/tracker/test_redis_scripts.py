"""The socket of the scripts of every second, against a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.redis_servers import RedisServer, redis_server
from tests.tracker.exchanges import script_socket
from tracker.errors import ExchangeAway
from tracker.redis_scripts import ScriptSocket
from tracker.redis_urls import Login

TAKE = "return {KEYS[1], ARGV[1], ARGV[2]}"
COUNT = "return redis.call('INCR', KEYS[1])"


@pytest_asyncio.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


async def test_a_script_that_redis_does_not_know_is_told_to_it_once(server: RedisServer) -> None:
    async with server.client() as client, script_socket(server) as scripts:
        await client.script_flush()
        await client.config_resetstat()

        answers = [await scripts.run(TAKE, ["key"], [7, b"\r\n\xff"]) for _ in range(2)]

        asked = await client.info("commandstats")
        assert answers == [[b"key", b"7", b"\r\n\xff"]] * 2
        assert (asked["cmdstat_eval"]["calls"], asked["cmdstat_evalsha"]["calls"]) == (1, 2)


async def test_questions_asked_at_once_get_their_own_answers(server: RedisServer) -> None:
    async with script_socket(server) as scripts:
        await scripts.run(COUNT, ["asked"], [])

        counts = await asyncio.gather(*(scripts.run(COUNT, ["asked"], []) for _ in range(100)))

        assert counts == list(range(2, 102))


async def test_an_answer_that_nobody_waits_for_any_more_is_not_taken_for_the_next(server: RedisServer) -> None:
    async with script_socket(server) as scripts:
        await scripts.run(COUNT, ["left"], [])
        left = asyncio.ensure_future(scripts.run(COUNT, ["left"], []))
        await asyncio.sleep(0)
        left.cancel()

        assert await scripts.run(COUNT, ["left"], []) == 3


async def test_a_script_that_fails_says_why_and_the_next_one_runs(server: RedisServer) -> None:
    async with script_socket(server) as scripts:
        with pytest.raises(ExchangeAway, match="wrong kind"):
            await scripts.run("return redis.error_reply('ERR wrong kind')", ["key"], [])

        assert await scripts.run(TAKE, ["key"], [1, 2]) == [b"key", b"1", b"2"]


async def test_a_redis_that_stands_still_is_away_in_time_and_answers_later(server: RedisServer) -> None:
    async with script_socket(server, timeout_s=0.2) as scripts:
        await scripts.run(COUNT, ["still"], [])
        server.pause()
        try:
            with pytest.raises(ExchangeAway, match="no answer in time"):
                await scripts.run(COUNT, ["still"], [])
        finally:
            server.resume()

        async with asyncio.timeout(10.0):
            while (count := await counted(scripts)) is None:
                pass
        assert count > 2


async def counted(scripts: ScriptSocket) -> int | None:
    try:
        return await scripts.run(COUNT, ["still"], [])
    except ExchangeAway:
        return None


async def test_a_redis_that_dies_is_away_for_whoever_waits_and_for_whoever_asks_then(server: RedisServer) -> None:
    async with redis_server(server.folder / "mortal") as mortal, script_socket(mortal) as scripts:
        mortal.pause()
        waiting = [asyncio.ensure_future(scripts.run(COUNT, ["key"], [])) for _ in range(3)]
        await asyncio.sleep(0)
        mortal.kill()

        for each in waiting:
            with pytest.raises(ExchangeAway):
                await each
        with pytest.raises(ExchangeAway, match="closed"):
            await scripts.run(COUNT, ["key"], [])


async def test_the_database_of_the_url_is_chosen(server: RedisServer) -> None:
    async with server.client() as client, script_socket(server) as scripts:
        await scripts.begin(Login(), db=3)
        await scripts.run(COUNT, ["chosen"], [])

        assert await client.exists("chosen") == 0
