"""Revoking a right to watch closes what was opened with it, on real websockets."""

import datetime
import json

import pytest_asyncio
from websockets.asyncio.client import connect

from tests.servers import close_code
from web.auth import link_cookie_name

SUBPROTOCOL = "enroute.v1.json"


@pytest_asyncio.fixture
async def visit(server):
    """A visit booked for the day after tomorrow; canceled at the end."""
    day = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)).date().isoformat()
    async with server.signed_in("rui@acme.example") as rui:
        offered = (await rui.get("/api/slots", params={"service": "check", "from": day, "to": day})).json()
        slot = offered["days"][0]["slots"][0]["slot"]
        booked = await rui.post("/api/appointments", json={"slot": slot, "service": "check"})
        assert booked.status_code == 201, booked.text
        yield booked.json()
        await rui.post(f"/api/appointments/{booked.json()['id']}/cancel", json={"reason": "the test is over"})


async def make_link(client, visit):
    return (await client.post(f"/api/dispatch/appointments/{visit['id']}/links")).json()


def watch(server, visit, **options):
    url = f"{server.url.replace('http', 'ws', 1)}/ws/appointments/{visit['id']}"
    return connect(url, subprotocols=[SUBPROTOCOL], **options)


async def hello(websocket, token):
    await websocket.send(json.dumps({"type": "hello", "token": token}))
    welcome = json.loads(await websocket.recv())
    assert welcome["type"] == "welcome"


async def test_blocking_a_link_closes_its_open_views_at_once(server, visit):
    async with server.signed_in("dora@enroute.example") as dora:
        blocked, other = await make_link(dora, visit), await make_link(dora, visit)
        async with watch(server, visit) as first, watch(server, visit) as second:
            await hello(first, blocked["token"])
            await hello(second, other["token"])

            await dora.delete(f"/api/dispatch/links/{blocked['id']}")

            assert await close_code(first) == 4510
            await dora.delete(f"/api/dispatch/links/{other['id']}")
            assert await close_code(second) == 4510


async def test_ending_a_link_closes_its_open_views_and_extending_one_asks_them_to_come_again(server, visit):
    now = datetime.datetime.now(datetime.UTC)
    async with server.signed_in("dora@enroute.example") as dora:
        link = await make_link(dora, visit)
        for expires_at, code in ((now + datetime.timedelta(days=9), 1013), (now, 4510)):
            async with watch(server, visit) as websocket:
                await hello(websocket, link["token"])

                await dora.put(f"/api/dispatch/links/{link['id']}", json={"expires_at": expires_at.isoformat()})

                assert await close_code(websocket) == code


async def test_signing_out_closes_the_views_of_that_session_only(server, visit):
    async with server.signed_in("rui@acme.example") as here, server.signed_in("rui@acme.example") as there:
        cookies = [f"enroute_session={client.cookies['enroute_session']}" for client in (here, there)]
        async with (
            watch(server, visit, additional_headers={"Cookie": cookies[0]}) as first,
            watch(server, visit, additional_headers={"Cookie": cookies[1]}) as second,
        ):
            for websocket in (first, second):
                assert json.loads(await websocket.recv())["type"] == "welcome"

            await here.delete("/api/session")

            assert await close_code(first) == 4401
            await there.delete("/api/session")
            assert await close_code(second) == 4401


async def test_a_dead_link_is_told_to_stay_away_however_it_is_shown(server, visit):
    async with server.signed_in("dora@enroute.example") as dora:
        link = await make_link(dora, visit)
        await dora.delete(f"/api/dispatch/links/{link['id']}")
    bearer = {"Authorization": f"Bearer {link['token']}"}
    cookie = {"Cookie": f"{link_cookie_name(visit['id'])}={link['token']}"}

    codes = []
    for headers in (bearer, cookie):
        async with watch(server, visit, additional_headers=headers) as websocket:
            codes.append(await close_code(websocket))
    async with watch(server, visit) as websocket:
        await websocket.send(json.dumps({"type": "hello", "token": link["token"]}))
        codes.append(await close_code(websocket))

    assert codes == [4510, 4510, 4510]
