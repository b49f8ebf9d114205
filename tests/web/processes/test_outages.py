"""A server dies, Redis dies: who is somewhere else notices little, and nobody is shown the past."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.redis_servers import RedisServer, sentinel_set, until
from tests.servers import EnrouteServer
from tests.web.live.visits import Phone, Visit, Watching, book, book_with, change, next_fix, phone, watching
from tests.web.processes.conftest import Installation, installation
from tracker.redis_names import RedisNames

# A lease runs out after 3 s; the rest is a busy machine's.
RIGHT_WITHIN_S = 20.0


@contextlib.asynccontextmanager
async def under_way(two: Installation) -> AsyncIterator[tuple[Visit, httpx.AsyncClient, httpx.AsyncClient]]:
    """A Traveling visit, its customer at the first server, a dispatcher at the second."""
    async with (
        two.first.signed_in("rui@acme.example") as customer,
        two.second.signed_in("dora@enroute.example") as dispatcher,
    ):
        visit = await book_with(customer, dispatcher, two.first)
        await change(dispatcher, visit.id, "travel")
        yield visit, customer, dispatcher


async def drive(server: EnrouteServer, visit: Visit, done: asyncio.Event) -> None:
    """A phone that sends ten fixes a second and comes back whenever its socket breaks or it is turned away."""
    while not done.is_set():
        with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
            async with phone(server, visit.phone_token) as ana:
                while not done.is_set():
                    await ana.send(next_fix())
                    await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)


async def newer_than(watcher: Watching, fixed_at: int) -> dict:
    """The first position that was fixed after that."""
    async with asyncio.timeout(RIGHT_WITHIN_S):
        return await watcher.until(lambda message: message["type"] == "position" and message["fixed_at"] > fixed_at)


async def sending_until(ana: Phone, watcher: Watching, *, newer_than_ms: int) -> None:
    """Go on sending fixes until one of them, or a newer one than that, is seen."""
    while True:
        await ana.send(next_fix())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await watcher.until(
                    lambda message: message["type"] == "position" and message["fixed_at"] > newer_than_ms
                )
                return


async def is_put_down(redis: RedisServer, technician_id: str, fix: dict) -> bool:
    """Whether the processes' last state of this technician knows the fix."""
    state = await redis.run("GET", RedisNames("enroute").state(technician_id))
    return isinstance(state, bytes) and fix["fixed_at"].to_bytes(8, "big") in state


async def only_live(redis: RedisServer, count: int) -> bool:
    """Whether so many processes hold a lease."""
    return await redis.run("ZCARD", RedisNames("enroute").members) == count


def never_went_back(watcher: Watching) -> bool:
    """Of one stream the numbers only grow, and so do the times of its positions."""
    numbers = [message["seq"] for message in watcher.seen if "seq" in message and message["type"] != "welcome"]
    fixed = [message["fixed_at"] for message in watcher.seen if message["type"] == "position"]
    return numbers == sorted(set(numbers)) and fixed == sorted(fixed)


async def test_when_a_server_dies_phone_and_watchers_go_on_at_the_other(fragile: Installation):
    async with (
        under_way(fragile) as (visit, customer, _),
        watching(fragile.second, visit.id, customer) as far,
        watching(fragile.first, visit.id, customer) as near,
    ):
        async with phone(fragile.first, visit.phone_token) as ana:
            await ana.send(next_fix())
            told = await far.next("position")
            await near.next("position")
            fragile.first.process.kill()
            with contextlib.suppress(ConnectionClosed):
                await near.next("never")
        last = next_fix()
        async with asyncio.timeout(RIGHT_WITHIN_S), phone(fragile.second, visit.phone_token) as ana:
            await ana.send(last)
            await ana.reply("ack")
            async with watching(fragile.second, visit.id, customer) as again:
                welcome = await again.next("welcome")
                seen = await newer_than(far, told["fixed_at"])

    assert seen["fixed_at"] == last["fixed_at"]
    assert welcome["snapshot"]["position"]["fixed_at"] == last["fixed_at"]
    assert never_went_back(far)


async def test_the_technicians_of_a_dead_server_are_adopted_although_no_phone_calls(fragile: Installation):
    async with under_way(fragile) as (visit, customer, dispatcher):
        technician = (await dispatcher.get(f"/api/appointments/{visit.id}")).json()["technician"]["id"]
        async with phone(fragile.first, visit.phone_token) as ana:
            fix = next_fix()
            await ana.send(fix)
            await ana.reply("ack")
            # What a server knows is put down for the others every second.
            await until(lambda: is_put_down(fragile.redis, technician, fix), "the last state is put down")
            fragile.first.process.kill()
            await fragile.first.process.wait()
        async with asyncio.timeout(RIGHT_WITHIN_S):
            while True:
                async with watching(fragile.second, visit.id, customer) as watcher:
                    snapshot = (await watcher.next("welcome"))["snapshot"]
                if "position" in snapshot:
                    break
                await asyncio.sleep(0.1)

    assert snapshot["position"]["fixed_at"] == fix["fixed_at"]


@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_without_redis_bookings_and_local_watchers_go_on_and_the_others_follow_after_it(
    fragile: Installation, how: str
):
    async with under_way(fragile) as (visit, customer, dispatcher):
        async with (
            watching(fragile.first, visit.id, customer) as near,
            watching(fragile.second, visit.id, customer) as far,
            phone(fragile.first, visit.phone_token) as ana,
        ):
            await ana.send(next_fix())
            await near.next("position")
            told = await far.next("position")

            fragile.redis.kill() if how == "kill" else fragile.redis.pause()
            away = next_fix()
            await ana.send(away)
            assert (await near.next("position"))["fixed_at"] == away["fixed_at"]
            async with asyncio.timeout(RIGHT_WITHIN_S):
                booked = await book(customer)
                await change(dispatcher, booked, "cancel", reason="not needed")
            await ana.send(next_fix())
            await ana.reply("ack")

            await fragile.redis.start() if how == "kill" else fragile.redis.resume()
            async with asyncio.timeout(RIGHT_WITHIN_S):
                await sending_until(ana, far, newer_than_ms=told["fixed_at"])

        assert never_went_back(near)
        assert never_went_back(far)


@pytest.mark.full
async def test_after_a_failover_by_sentinel_watchers_elsewhere_are_right_again(tmp_path: Path):
    async with (
        sentinel_set(tmp_path, sentinels=1) as redis,
        installation(tmp_path, redis.master, ENROUTE_REDIS=redis.url) as two,
        under_way(two) as (visit, customer, dispatcher),
        watching(two.second, visit.id, customer) as far,
        watching(two.first, visit.id, customer) as near,
        phone(two.first, visit.phone_token) as ana,
    ):
        await ana.send(next_fix())
        told = await far.next("position")
        await near.next("position")
        redis.master.kill()
        fix = next_fix()
        await ana.send(fix)
        assert (await near.next("position"))["fixed_at"] == fix["fixed_at"]
        booked = await book(customer)
        await change(dispatcher, booked, "cancel", reason="not needed")
        await redis.failed_over()
        async with asyncio.timeout(RIGHT_WITHIN_S):
            await sending_until(ana, far, newer_than_ms=told["fixed_at"])

    assert never_went_back(far)
    assert never_went_back(near)


async def test_what_happens_to_a_visit_while_redis_is_away_reaches_the_other_server_by_the_database(
    fragile: Installation,
):
    async with (
        under_way(fragile) as (visit, customer, dispatcher),
        watching(fragile.first, visit.id, customer) as watcher,
        phone(fragile.first, visit.phone_token) as ana,
    ):
        await ana.send(next_fix())
        await watcher.next("position")
        fragile.redis.kill()
        await change(dispatcher, visit.id, "start")

        async with asyncio.timeout(RIGHT_WITHIN_S):
            while (await watcher.next("status"))["status"] != "in_progress":
                pass
        told = len(watcher.seen)
        await ana.send(next_fix())
        await ana.reply("ack")
        await change(dispatcher, visit.id, "complete")
        assert await watcher.closed() == 4510

    assert "position" not in [message["type"] for message in watcher.seen[told:]]


async def test_a_fix_that_was_taken_while_redis_was_away_is_seen_at_the_other_server_after_it(fragile: Installation):
    fragile.redis.kill()
    async with under_way(fragile) as (visit, customer, _):
        watcher, phone_of_ana = watching(fragile.second, visit.id, customer), phone(fragile.first, visit.phone_token)
        async with watcher as far, phone_of_ana as ana:
            fix = next_fix()
            await ana.send(fix)
            await ana.reply("ack")
            await fragile.redis.start()
            assert (await far.next("position"))["fixed_at"] == fix["fixed_at"]


async def test_an_emptied_redis_changes_nothing_for_anybody(fragile: Installation):
    async with under_way(fragile) as (visit, customer, dispatcher):
        watcher, phone_of_ana = watching(fragile.second, visit.id, customer), phone(fragile.first, visit.phone_token)
        async with watcher as far, phone_of_ana as ana:
            await ana.send(next_fix())
            await far.next("position")
            await fragile.redis.empty()
            for _ in range(30):
                fix = next_fix()
                await ana.send(fix)
                await asyncio.sleep(0.1)
            await newer_than(far, fix["fixed_at"] - 1)
            await change(dispatcher, visit.id, "start")

    assert never_went_back(far)


async def test_a_stopped_server_hands_over_at_once(fragile: Installation):
    async with under_way(fragile) as (visit, customer, _), watching(fragile.second, visit.id, customer) as far:
        async with phone(fragile.first, visit.phone_token) as ana:
            fix = next_fix()
            await ana.send(fix)
            await far.next("position")
            await until(lambda: only_live(fragile.redis, 2), "only these two hold a lease")
            assert await fragile.first.terminate() == 0
        # It has said goodbye: nobody waits for its lease to run out.
        assert await only_live(fragile.redis, 1)
        async with phone(fragile.second, visit.phone_token) as ana, asyncio.timeout(RIGHT_WITHIN_S):
            await ana.send(next_fix())
            await far.next("position")

    assert never_went_back(far)
