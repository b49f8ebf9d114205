"""`enroute serve` as people run it: a process, a port, a signal."""

import asyncio
import datetime
import json
import socket
import time

from websockets.asyncio.client import connect

from tests.servers import close_code, enroute_server
from web.listeners import TCP_USER_TIMEOUT_MS, listen
from web.serve import DRAIN_S


async def test_on_a_fresh_machine_it_just_works(tmp_path):
    async with enroute_server(tmp_path / "data", seed=None) as server, server.client() as client:
        answer = await client.get("/readyz")

    assert answer.status_code == 200


async def test_it_prints_the_address_it_really_listens_on(server):
    host, _, port = server.url.removeprefix("http://").partition(":")

    assert (host, int(port) > 0) == ("127.0.0.1", True)


async def test_people_sign_in_to_the_real_server(server):
    async with server.signed_in("rui@acme.example") as client:
        answer = await client.get("/api/session")

    assert answer.json()["name"] == "Rui"


async def test_the_real_server_does_not_name_its_software(server):
    async with server.client() as client:
        answer = await client.get("/healthz")

    assert "server" not in answer.headers


async def test_no_secret_reaches_the_log(server):
    async with server.client() as client:
        await client.post("/api/session", json={"email": "rui@acme.example", "password": "hunter2-hunter2"})
        await client.post("/api/invitations/redeem", json={"code": "c0de-c0de", "password": "hunter2-hunter2"})
        await client.get("/in/osmand", params={"token": "t0ken-t0ken", "lat": "1", "lon": "x"})

    assert "hunter2" not in server.errors
    assert "0de-c0de" not in server.errors
    assert "t0ken" not in server.errors


async def test_sigterm_drains_and_exits_with_success(tmp_path):
    async with enroute_server(tmp_path) as server, server.signed_in("rui@acme.example"):
        code = await server.terminate()

    assert code == 0


async def test_what_was_written_is_there_after_a_restart(tmp_path):
    async with enroute_server(tmp_path) as server, server.signed_in("rui@acme.example") as client:
        await client.put("/api/profile", json={"name": "Rui Ramos"})
        cookies = dict(client.cookies)
        await server.terminate()

    async with enroute_server(tmp_path, seed=None) as server, server.client(cookies=cookies) as client:
        answer = await client.get("/api/profile")
    assert answer.json()["name"] == "Rui Ramos"


async def test_accepted_connections_inherit_the_timeouts_of_the_listening_socket():
    listener = listen("127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    client = socket.create_connection(listener.getsockname())

    accepted, _ = await loop.sock_accept(listener)

    with listener, client, accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == TCP_USER_TIMEOUT_MS
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_a_server_that_stops_tells_its_watchers_to_come_back(tmp_path):
    async with enroute_server(tmp_path) as server, server.signed_in("rui@acme.example") as rui:
        url = f"{server.url.replace('http', 'ws', 1)}/ws/home"
        cookie = f"enroute_session={rui.cookies['enroute_session']}"
        async with connect(url, subprotocols=["enroute.v1.json"], additional_headers={"Cookie": cookie}) as websocket:
            assert json.loads(await websocket.recv())["type"] == "welcome"

            code = await server.terminate()

            assert await close_code(websocket) == 1012
    assert code == 0


async def test_an_open_event_stream_does_not_hold_up_the_stop(tmp_path):
    async with enroute_server(tmp_path) as server, server.signed_in("dora@enroute.example") as dora:
        day = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)).date().isoformat()
        async with server.signed_in("rui@acme.example") as rui:
            offered = (await rui.get("/api/slots", params={"service": "check", "from": day, "to": day})).json()
            slot = offered["days"][0]["slots"][0]["slot"]
            visit = (await rui.post("/api/appointments", json={"slot": slot, "service": "check"})).json()
        async with dora.stream("GET", f"/api/appointments/{visit['id']}/events") as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            before = time.monotonic()

            code = await server.terminate()

            took_s = time.monotonic() - before
            async for _ in lines:
                pass
    assert code == 0
    # Whoever waits for a stream to end by itself waits as long as a drain may take.
    assert took_s < DRAIN_S
