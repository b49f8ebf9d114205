"""The server is killed and started again: nothing acknowledged is lost, watchers are right again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.servers import enroute_server, started_again
from tests.web.live.conftest import live_seed
from tests.web.live.visits import Visit, book, book_with, change, next_fix


async def test_after_sigkill_appointments_states_and_the_last_position_are_there(tmp_path: Path):
    async with (
        enroute_server(tmp_path, seed=live_seed(), mortal=True) as server,
        server.signed_in("rui@acme.example") as customer,
        server.signed_in("dora@enroute.example") as dispatcher,
    ):
        visit = await book_with(customer, dispatcher, server)
        waiting = await book(customer)
        await change(dispatcher, visit.id, "travel")
        fix = next_fix()
        async with visit.phone() as phone:
            await phone.send(fix)
            await phone.reply("ack")
        async with visit.watched(customer) as watcher:
            before = await watcher.next("welcome")

        server.process.kill()
        await server.process.wait()
        async with started_again(server) as again:
            later = Visit(again, visit.id, visit.phone_token)
            async with later.watched(customer) as watcher, later.phone() as phone:
                welcome = await watcher.next("welcome")
                newer = next_fix()
                await phone.send(newer)
                moved = await watcher.next("position")
            scheduled = (await customer.get(f"/api/appointments/{waiting}")).json()
            await change(dispatcher, visit.id, "start")

    assert scheduled["status"] == "scheduled"
    assert welcome["epoch"] != before["epoch"]
    assert welcome["snapshot"]["status"] == "traveling"
    assert welcome["snapshot"]["position"]["fixed_at"] == fix["fixed_at"]
    assert welcome["snapshot"]["position"]["lat_e6"] == round(fix["lat"] * 1e6)
    assert moved["fixed_at"] == newer["fixed_at"]


async def test_sigterm_tells_watchers_to_come_back_and_loses_no_fix(tmp_path: Path):
    async with (
        enroute_server(tmp_path, seed=live_seed()) as server,
        server.signed_in("rui@acme.example") as customer,
        server.signed_in("dora@enroute.example") as dispatcher,
    ):
        visit = await book_with(customer, dispatcher, server)
        await change(dispatcher, visit.id, "travel")
        async with visit.watched(customer) as watcher, visit.phone() as phone:
            await phone.send(next_fix())
            await watcher.next("position")
            stopping = asyncio.create_task(server.terminate())
            code = await watcher.closed()
        exit_code = await stopping

    assert code == 1012
    assert exit_code == 0
