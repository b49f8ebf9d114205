"""The crowd notices what a server does wrong, and comes back as the page does; otherwise a storm without faults says
nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.crowd import CrowdFailed, Heard, crowd_lines, started_crowd
from benchmarks.loading import TripAccess
from benchmarks.proofs import Watcher

TRIPS = [TripAccess("visit", "phone-token", "eyes", 41.15, -8.61, 0.0)]


def welcome(*, epoch: str = "e1", seq: int, fixed_at: int | None = None) -> str:
    snapshot = {"status": "traveling", "epoch": epoch, "seq": seq}
    if fixed_at is not None:
        snapshot["position"] = {"seq": seq, "fixed_at": fixed_at, "lat_e6": 1, "lon_e6": 2}
    return compact({"type": "welcome", "epoch": epoch, "seq": seq, "heartbeat_s": 25, "snapshot": snapshot})


def position(*, seq: int, fixed_at: int) -> str:
    return compact({"type": "position", "seq": seq, "fixed_at": fixed_at, "lat_e6": 1, "lon_e6": 2})


def compact(message: dict) -> str:
    return json.dumps(message, separators=(",", ":"))


@dataclass
class Told:
    """A server that tells each new watcher the next of the prepared lists, and relays the phone's fixes to all."""

    lists: list[list[str]]
    port: int = 0
    hellos: list[dict] = field(default_factory=list)
    extensions: list[str | None] = field(default_factory=list)
    cookies: list[str | None] = field(default_factory=list)
    watchers: set[ServerConnection] = field(default_factory=set)
    seq: int = 100

    async def talk(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        if request.path == "/ws/device":
            async for message in connection:
                self.seq += 1
                for watcher in self.watchers:
                    await watcher.send(position(seq=self.seq, fixed_at=json.loads(message)["fixed_at"]))
            return
        self.extensions.append(request.headers.get("Sec-WebSocket-Extensions"))
        self.cookies.append(request.headers.get("Cookie"))
        self.watchers.add(connection)
        self.hellos.append(json.loads(await connection.recv()))
        for message in self.lists.pop(0) if self.lists else [welcome(seq=self.seq)]:
            await connection.send(message)
        await connection.wait_closed()
        self.watchers.discard(connection)


@asynccontextmanager
async def telling(*lists: list[str]) -> AsyncIterator[Told]:
    told = Told(list(lists))

    async def handle(connection: ServerConnection) -> None:
        try:
            await told.talk(connection)
        except ConnectionClosed:
            told.watchers.discard(connection)

    async with serve(handle, "127.0.0.1", 0, compression=None, close_timeout=1) as server:
        told.port = next(iter(server.sockets)).getsockname()[1]
        yield told


def dial_and_run(told: Told, *, watchers: int = 1, seconds: float = 0.2) -> Heard:
    with started_crowd(TRIPS, [Watcher(0, "Cookie: who=me")] * watchers, port=told.port, cpu=None) as crowd:
        crowd.dial()
        return crowd.run(seconds)


async def test_a_seq_that_goes_back_or_comes_twice_is_counted() -> None:
    stream = [welcome(seq=5), position(seq=6, fixed_at=10), position(seq=6, fixed_at=11), position(seq=4, fixed_at=12)]
    async with telling(stream) as told:
        heard = await asyncio.to_thread(dial_and_run, told)

    assert (heard.seq_regressions, heard.seq_repeats, heard.older_positions) == (1, 1, 0)


async def test_an_older_position_after_a_newer_one_is_counted() -> None:
    async with telling(
        [welcome(seq=5, fixed_at=20), position(seq=6, fixed_at=19), position(seq=7, fixed_at=21)]
    ) as told:
        heard = await asyncio.to_thread(dial_and_run, told)

    assert (heard.seq_regressions, heard.older_positions) == (0, 1)


async def test_the_handshake_is_that_of_the_page() -> None:
    async with telling() as told:
        await asyncio.to_thread(dial_and_run, told)

    assert told.extensions == ["permessage-deflate; client_max_window_bits"]
    assert (told.cookies, told.hellos) == (["who=me"], [{"type": "hello"}])


async def test_after_a_reset_everybody_comes_back_with_what_they_know() -> None:
    async with telling([welcome(seq=5, fixed_at=7)], [welcome(seq=4)]) as told:

        def storm() -> Heard:
            with started_crowd(TRIPS, [Watcher(0, "Cookie: who=me")], port=told.port, cpu=None) as crowd:
                crowd.dial()
                return crowd.reset(within_s=15)

        heard = await asyncio.to_thread(storm)

    assert told.hellos == [{"type": "hello"}, {"type": "hello", "since": {"epoch": "e1", "seq": 5}}]
    assert (heard.welcomed, heard.back_us.count, heard.current_us.count) == (1, 1, 1)
    assert 500_000 <= heard.back_us.max <= 6_500_000
    assert heard.seq_regressions == 1


async def test_a_new_epoch_may_begin_anywhere() -> None:
    async with telling([welcome(seq=50, fixed_at=7)], [welcome(epoch="e2", seq=1, fixed_at=6)]) as told:

        def storm() -> Heard:
            with started_crowd(TRIPS, [Watcher(0, "Cookie: who=me")], port=told.port, cpu=None) as crowd:
                crowd.dial()
                return crowd.reset(within_s=15)

        heard = await asyncio.to_thread(storm)

    assert (heard.seq_regressions, heard.older_positions, heard.older_after_restart) == (0, 0, 1)


async def test_who_is_told_to_stay_away_does_not_come_back() -> None:
    async with telling() as told:

        def closed() -> Heard:
            with started_crowd(TRIPS, [Watcher(0, "Cookie: who=me")], port=told.port, cpu=None) as crowd:
                crowd.dial()
                for watcher in list(told.watchers):
                    asyncio.run_coroutine_threadsafe(watcher.close(4510, "over"), loop).result()
                return crowd.run(0.3)

        loop = asyncio.get_running_loop()
        heard = await asyncio.to_thread(closed)

    assert (heard.closings, heard.stayed_away, heard.open) == ({"4510": 1}, 1, 0)


async def test_positions_are_tied_to_the_fixes_they_tell() -> None:
    async with telling() as told:

        def published() -> tuple[Heard, Heard]:
            with started_crowd(TRIPS, [Watcher(0, "Cookie: who=me")] * 3, port=told.port, cpu=None) as crowd:
                crowd.dial()
                crowd.publish(100, burst=2)
                told_of = crowd.run(0.5)
                crowd.publish(0)
                return told_of, crowd.run(0.3)

        published_at_s = time.time()
        heard, after = await asyncio.to_thread(published)

    assert heard.fixes > 0
    assert (heard.late, heard.withheld, heard.unsendable, heard.seq_regressions) == (0, 0, 0, 0)
    assert 0 < heard.latency_us.p50 <= heard.latency_us.max < (time.time() - published_at_s) * 1e6
    assert heard.age_us.count > 0
    # Nothing new comes: what they see grows old, yet they are not behind.
    assert after.age_us.max > heard.age_us.p50
    assert after.behind_us.p50 == 0


async def test_readers_who_stall_read_again_when_they_are_revived() -> None:
    async with telling() as told:
        watchers = [Watcher(0, "Cookie: who=me"), Watcher(0, "Cookie: who=me", "stalled")]

        def stalled() -> tuple[Heard, Heard]:
            with started_crowd(TRIPS, watchers, port=told.port, cpu=None) as crowd:
                crowd.dial()
                crowd.stall()
                crowd.publish(50)
                meanwhile = crowd.run(0.4)
                crowd.revive()
                return meanwhile, crowd.run(0.4)

        meanwhile, after = await asyncio.to_thread(stalled)

    assert (meanwhile.open, after.open) == (1, 2)
    assert meanwhile.positions <= meanwhile.fixes + 2
    assert after.positions > after.fixes + 2


async def test_a_refused_handshake_ends_the_crowd_with_the_servers_words() -> None:
    async with telling([compact({"type": "welcome"})]) as told:
        with pytest.raises(CrowdFailed, match=r"/ws/appointments/visit was refused: HTTP/1\.1 400"):
            await asyncio.to_thread(dial_and_run_with, told, "Sec-WebSocket-Version: 12")


def dial_and_run_with(told: Told, header: str) -> Heard:
    with started_crowd(TRIPS, [Watcher(0, header)], port=told.port, cpu=None) as crowd:
        crowd.dial(who="watchers")
        return crowd.run(0.1)


def test_a_plan_has_a_device_for_each_trip_and_the_proof_of_each_watcher() -> None:
    lines = list(crowd_lines(TRIPS, [Watcher(0, "Cookie: a=b"), Watcher(0, "Cookie: c=d", "stalled")]))

    subprotocol = "Sec-WebSocket-Protocol: enroute.v1.json"
    assert lines == [
        "device\t0\t/ws/device\t41.1500000\t-8.6100000\t0.0\tAuthorization: Bearer phone-token",
        f"watcher\t0\t/ws/appointments/visit\t{subprotocol}\tCookie: a=b",
        f"stalled\t0\t/ws/appointments/visit\t{subprotocol}\tCookie: c=d",
    ]
