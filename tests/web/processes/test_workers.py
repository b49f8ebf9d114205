"""Two workers of one server: phones and those who watch them come together in one of them."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from tests.redis_servers import redis_server
from tests.servers import enroute_server
from tests.web.live.conftest import live_seed
from tests.web.live.visits import book_with, change, next_fix, phone, watching
from tests.web.test_supervisor import get

VISITS = 5
WATCHERS = 3


async def counts(server, name: str) -> dict[str, int]:
    """The samples of a metric over both workers, by their one label besides the worker's."""
    _, _, text = await get(server, "/metrics")
    found = re.findall(rf'^{name}{{[^}}]*?(?:direction|kind)="(\w+)"[^}}]*}} (\S+)$', text, re.MULTILINE)
    told: dict[str, int] = {}
    for label, value in found:
        told[label] = told.get(label, 0) + int(float(value))
    return told


async def test_phones_and_watchers_meet_in_one_worker_and_see_each_other(tmp_path: Path):
    async with (
        redis_server(tmp_path) as redis,
        enroute_server(tmp_path, seed=live_seed(), arguments=("--workers", "2", "--redis", redis.url)) as server,
        server.signed_in("rui@acme.example") as customer,
        server.signed_in("dora@enroute.example") as dispatcher,
        contextlib.AsyncExitStack() as open_sockets,
    ):
        for number in range(VISITS):
            visit = await book_with(customer, dispatcher, server)
            # Half of them come before anybody is under way.
            early = [
                await open_sockets.enter_async_context(watching(server, visit.id, customer))
                for _ in range(WATCHERS if number % 2 else 0)
            ]
            await change(dispatcher, visit.id, "travel")
            ana = await open_sockets.enter_async_context(phone(server, visit.phone_token))
            late = [
                await open_sockets.enter_async_context(watching(server, visit.id, customer))
                for _ in range(0 if number % 2 else WATCHERS)
            ]
            for watcher in (*early, *late):
                await watcher.next("welcome")
            fix = next_fix()
            await ana.send(fix)
            await ana.reply("ack")
            for watcher in (*early, *late):
                assert (await watcher.next("position"))["fixed_at"] == fix["fixed_at"]

        passed = await counts(server, "enroute_connections_passed_total")

    # Which worker a connection comes to is the kernel's choice: half of these twenty are at the wrong one.
    assert passed["in"] == passed["on"]
    assert 0 < passed["on"] < VISITS * (1 + WATCHERS)
