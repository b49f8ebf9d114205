"""The AsyncAPI document agrees with what is really sent."""

from __future__ import annotations

import json

import msgspec
import pytest
from websockets.asyncio.client import connect

from tests.servers import EnrouteServer
from tracker import messages
from web.asyncapi import build_asyncapi


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(references(inner) for inner in value))
    return set()


def test_every_reference_leads_somewhere():
    document = build_asyncapi(title="t", version="1", host="h", protocol="wss")

    for reference in references(document):
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target


def test_every_message_that_has_a_type_on_the_wire_is_described():
    document = build_asyncapi(title="t", version="1", host="h", protocol="ws")
    tagged = {
        kind.__name__
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_config__.tag
    }

    assert tagged <= document["components"]["messages"].keys()


async def test_a_running_server_shows_it(server: EnrouteServer):
    async with server.client() as client:
        answer = await client.get("/asyncapi.json")

    assert answer.status_code == 200
    assert answer.json()["asyncapi"] == "3.0.0"
    assert answer.json()["servers"]["here"]["host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("address", "email", "first"),
    [
        ("/ws/home", "rui@acme.example", ["welcome"]),
        ("/ws/dispatch", "dora@enroute.example", ["welcome", "board"]),
    ],
)
async def test_what_a_channel_begins_with_is_one_of_its_messages(server: EnrouteServer, address, email, first):
    async with server.signed_in(email) as client:
        document = (await client.get("/asyncapi.json")).json()
        url = f"{server.url.replace('http', 'ws', 1)}{address}"
        cookie = {"Cookie": f"enroute_session={client.cookies['enroute_session']}"}
        async with connect(url, subprotocols=["enroute.v1.json"], additional_headers=cookie) as websocket:
            received = [json.loads(await websocket.recv()) for _ in first]

    (channel,) = (each for each in document["channels"].values() if each["address"] == address)
    schemas = [document["components"]["schemas"][name] for name in channel["messages"]]
    fields = {schema["properties"]["type"]["enum"][0]: set(schema["properties"]) for schema in schemas}
    assert [message["type"] for message in received] == first
    for message in received:
        assert message.keys() == fields[message["type"]]
