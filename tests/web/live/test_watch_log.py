"""The log of who watched whom, by real sockets and streams."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.servers import EnrouteServer
from tests.web.live.visits import WITHIN_S, Visit, change, socket_url
from web.auth import SESSION_COOKIE


async def logged(dispatcher: httpx.AsyncClient, visit: Visit, *, times: int) -> list[dict[str, Any]]:
    """The log of a visit, once so many beginnings are written: one of several processes may write a moment later."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            answer = await dispatcher.get(f"/api/dispatch/appointments/{visit.id}/watchers")
            lines: list[dict[str, Any]] = [line for line in answer.json()["watchers"] if line["technician"]]
            if sum(line["times"] for line in lines) >= times:
                return lines
            await asyncio.sleep(0.1)


async def technician_of(dispatcher: httpx.AsyncClient, visit: Visit) -> str:
    found: str = (await dispatcher.get(f"/api/appointments/{visit.id}")).json()["technician"]["id"]
    return found


async def test_a_watch_is_logged_where_it_began_before_the_technician_set_off(
    planned: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    async with planned.watched(customer) as watcher:
        await watcher.next("welcome")
        await change(dispatcher, planned.id, "travel")
        await watcher.next("status")

    (line,) = await logged(dispatcher, planned, times=1)
    assert (line["name"], line["by"]) == ("Rui", "page")
    assert line["technician"] == await technician_of(dispatcher, planned)


async def test_sockets_and_event_streams_of_a_traveling_visit_are_logged(
    visit: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    async with visit.watched(customer) as watcher:
        await watcher.next("welcome")
    async with customer.stream("GET", f"/api/appointments/{visit.id}/events") as stream:
        await anext(stream.aiter_lines())

    (line,) = await logged(dispatcher, visit, times=2)
    assert (line["name"], line["by"], line["times"]) == ("Rui", "page", 2)


async def test_a_board_that_is_open_when_the_technician_sets_off_is_logged(
    planned: Visit, dispatcher: httpx.AsyncClient, live_server: EnrouteServer
):
    cookie = {"Cookie": f"{SESSION_COOKIE}={dispatcher.cookies[SESSION_COOKIE]}"}
    async with connect(socket_url(live_server, "/ws/dispatch"), additional_headers=cookie) as board:
        await board.recv()
        await change(dispatcher, planned.id, "travel")

        (line,) = await logged(dispatcher, planned, times=1)

    assert (line["name"], line["by"]) == ("Dora", "board")
