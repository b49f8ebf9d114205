"""No coordinate of the technician by any door, unless the visit is Traveling and one's own."""

from __future__ import annotations

import asyncio
import contextlib
import re

import httpx
from websockets.exceptions import ConnectionClosed

from tests.web.live.visits import WITHIN_S, Visit, change, next_fix, now_ms, watching

# Far from every site and start of this server, so that the digits cannot come from anywhere else.
SECRET_LAT, SECRET_LON = 41.234567, -8.765432
# In degrees or in millionths of them. Within an id, a hash or an instant in ms the same digits come by chance.
SECRET = re.compile(r"(?<![0-9A-Za-z_])(41\.?2345|8\.?7654)")


async def told_by_every_door(visit: Visit, client: httpx.AsyncClient) -> str:
    """Everything the server says about the visit to this client, in one text."""
    texts = []
    for path in (
        f"/api/appointments/{visit.id}",
        f"/api/appointments/{visit.id}/live",
        "/api/appointments",
        "/api/appointments?section=active",
        f"/appointments/{visit.id}",
        f"/appointments/{visit.id}/live",
        f"/appointments/{visit.id}/modify",
        "/",
    ):
        answer = await client.get(path, headers={"Accept": "text/html,application/json"})
        texts.append(answer.text)
    async with client.stream("GET", f"/api/appointments/{visit.id}/events") as response:
        if response.status_code != 200:
            texts.append((await response.aread()).decode())
        else:
            async with asyncio.timeout(WITHIN_S):
                async for line in response.aiter_lines():
                    texts.append(line)
                    if line.startswith("data: "):
                        break
    async with watching(visit.server, visit.id, client) as watcher:
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(0.5):
                while True:
                    texts.append(str(await watcher.socket.recv()))
    return "\n".join(texts)


def shows_coordinate(text: str) -> bool:
    return SECRET.search(text) is not None


async def report_position(visit: Visit) -> None:
    async with visit.phone() as phone:
        await phone.send(next_fix(lat=SECRET_LAT, lon=SECRET_LON))
        await phone.reply("ack")


async def test_a_traveling_visit_shows_the_technician_to_its_own_customer_only(
    visit: Visit, customer: httpx.AsyncClient, stranger: httpx.AsyncClient
):
    await report_position(visit)

    own = await told_by_every_door(visit, customer)
    foreign = await told_by_every_door(visit, stranger)

    assert shows_coordinate(own)
    assert not shows_coordinate(foreign)


async def test_a_visit_before_traveling_and_one_in_progress_show_no_coordinate(
    planned: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    await report_position(planned)
    before = await told_by_every_door(planned, customer)
    await change(dispatcher, planned.id, "travel")
    await report_position(planned)
    await change(dispatcher, planned.id, "start")
    await report_position(planned)

    during = await told_by_every_door(planned, customer)

    assert not shows_coordinate(before)
    assert not shows_coordinate(during)


async def test_a_position_from_before_setting_off_is_not_history_for_the_customer(
    planned: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    async with planned.phone() as phone:
        await phone.send(next_fix(lat=SECRET_LAT, lon=SECRET_LON, fixed_at=now_ms() - 2000))
        await phone.reply("ack")

    await change(dispatcher, planned.id, "travel")
    text = await told_by_every_door(planned, customer)

    assert not shows_coordinate(text)
