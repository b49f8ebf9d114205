"""A server is killed while many technicians are under way: they go on elsewhere, their watchers are right within five
seconds, nobody sees the past, and nobody sees anything who may not."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.redis_servers import redis_server
from tests.servers import enroute_server
from tests.slots.databases import create_database, postgresql_server
from tests.web.live.conftest import live_seed
from tests.web.live.visits import TECHNICIANS, now_ms
from tests.web.processes.conftest import Installation, installation
from tests.web.processes.crowd import RIGHT_WITHIN_S, Crowd, UnderWay, crowd_of
from tests.web.test_supervisor import get, workers_of

KILLS = 50


@dataclass
class Rounds:
    """What was measured in all of them."""

    right_ms: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    worst_ms: list[int] = field(default_factory=list)
    lag_ms: list[int] = field(default_factory=list)
    fixes_per_s: list[float] = field(default_factory=list)
    older: int = 0

    def __str__(self) -> str:
        took = sorted(self.right_ms)
        return (
            f"{len(self.lag_ms)} kills, {statistics.median(self.fixes_per_s):.0f} fixes/s,"
            f" {len(took) / len(self.lag_ms):.0f} watchers: right after {statistics.median(took):.0f} ms in the median,"
            f" {took[len(took) * 99 // 100]} ms for 99 %, {took[-1]} ms at worst, {sum(self.late)} too late;"
            f" {sum(each > 1000 * RIGHT_WITHIN_S for each in took)} beyond {RIGHT_WITHIN_S:.0f} s by the lag,"
            f" (worst, lag) of the worst rounds {sorted(zip(self.worst_ms, self.lag_ms, strict=True))[-3:]} ms;"
            f" {self.older} positions older than one seen at another server;"
            f" lag of the load: {statistics.median(self.lag_ms):.0f} ms in the median round, {max(self.lag_ms)} ms"
        )


async def kill_once(crowd: Crowd, rounds: Rounds, *, ends: int, kill: Callable[[], None]) -> list[UnderWay]:
    """Kill in the middle of changes that end the right to watch, and measure. Those whose visits ended."""
    await crowd.all_right()
    crowd.restart_lag()
    began_s, sent = time.monotonic(), sum(phone.sent for phone in crowd.phones)
    ending = asyncio.create_task(crowd.end_some(ends))
    await asyncio.sleep(crowd.random.uniform(0, 0.05))
    kill()
    right_ms, missing = await crowd.right_after(now_ms())
    ended = await ending
    lag_ms = round(1000 * crowd.restart_lag())
    rounds.right_ms += right_ms
    rounds.worst_ms.append(max(right_ms, default=0))
    # What this process was too busy to look at may have been there before.
    rounds.late.append(missing + sum(each > 1000 * RIGHT_WITHIN_S + lag_ms for each in right_ms))
    rounds.lag_ms.append(lag_ms)
    rounds.fixes_per_s.append((sum(phone.sent for phone in crowd.phones) - sent) / (time.monotonic() - began_s))
    return ended


async def kill_again_and_again(
    crowd: Crowd, *, kills: int, ends: int, database: str, kill: Callable[[], None], mend: Callable[[], Awaitable[None]]
) -> Rounds:
    rounds = Rounds()
    for number in range(kills):
        ended = await kill_once(crowd, rounds, ends=ends, kill=kill)
        if number + 1 < kills:
            await mend()
            await crowd.begin_again(ended)
            crowd.shuffle()
    if kills > 1:
        await crowd.settle()
    crowd.judge(database)
    rounds.older = crowd.older
    print(rounds)
    return rounds


async def kill_servers(two: Installation, crowd: Crowd, *, kills: int, ends: int) -> Rounds:
    def kill() -> None:
        dies = crowd.random.choice([two.first, two.second])
        crowd.living(dies.url)
        dies.process.kill()

    async def mend() -> None:
        await two.mend()
        crowd.living(None)

    return await kill_again_and_again(crowd, kills=kills, ends=ends, database=two.first.database, kill=kill, mend=mend)


def problems_of(crowd: Crowd, rounds: Rounds) -> list[str]:
    return crowd.faults + [f"{late} watchers were too late in round {n}" for n, late in enumerate(rounds.late) if late]


async def test_when_a_server_dies_under_load_every_watcher_is_right_within_seconds(fragile: Installation):
    urls = [fragile.first.url, fragile.second.url]
    async with crowd_of(urls, range(TECHNICIANS)[-12:], waiting=2) as crowd:
        rounds = await kill_servers(fragile, crowd, kills=1, ends=1)

    assert problems_of(crowd, rounds) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def on_database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of an installation that say so; the default is SQLite."""
    if request.param == "sqlite":
        yield {}
        return
    with postgresql_server(request.getfixturevalue("programs")) as url:
        yield {"ENROUTE_DATABASE": create_database(url, "enroute")}


@pytest.mark.full
@pytest.mark.timeout(3600)
async def test_fifty_times_a_server_dies_under_load_and_every_watcher_is_right_within_seconds(
    tmp_path: Path, on_database: dict[str, str]
):
    async with (
        redis_server(tmp_path) as redis,
        installation(tmp_path, redis, seed=live_seed(technicians=100), **on_database) as two,
        crowd_of([two.first.url, two.second.url], range(100), waiting=6) as crowd,
    ):
        rounds = await kill_servers(two, crowd, kills=KILLS, ends=2)

    assert problems_of(crowd, rounds) == []


@pytest.mark.full
@pytest.mark.timeout(3600)
async def test_fifty_times_a_worker_dies_under_load_and_every_watcher_is_right_within_seconds(tmp_path: Path):
    async with redis_server(tmp_path) as redis:
        arguments = ("--workers", "2", "--redis", redis.url)
        async with (
            enroute_server(tmp_path, seed=live_seed(technicians=60), arguments=arguments) as server,
            crowd_of([server.url], range(60), waiting=6) as crowd,
        ):

            def kill() -> None:
                os.kill(crowd.random.choice(workers_of(server)), signal.SIGKILL)

            async def mend() -> None:
                # Not before the new one serves: else the next kill may leave nobody.
                named: set[str] = set()
                while named != {"1", "2"}:
                    named.add((await get(server, "/healthz"))[1].get("enroute-worker", ""))
                    named.discard("")
                    await asyncio.sleep(0.05)

            rounds = await kill_again_and_again(
                crowd, kills=KILLS, ends=2, database=server.database, kill=kill, mend=mend
            )

    assert problems_of(crowd, rounds) == []
