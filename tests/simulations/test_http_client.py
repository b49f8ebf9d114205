from __future__ import annotations

import asyncio

import pytest

from simulations.api import Api, RefusedError
from simulations.http_client import HttpClient, HttpError


async def serve_raw(*answers: bytes):
    """A server that gives each connection's requests these answers, one per request, then closes."""
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            try:
                requests.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    return listening, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", requests


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def test_requests_of_one_person_share_a_connection():
    listening, url, requests = await serve_raw(HELLO, HELLO)
    client = HttpClient(url)

    async with listening:
        bodies = [(await client.request("GET", path)).body for path in ("/a", "/b")]
        await client.close()

    assert bodies == [b"hello", b"hello"]
    assert [request.split()[1] for request in requests] == [b"/a", b"/b"]


async def test_a_connection_that_was_closed_while_idle_is_opened_again():
    listening, url, requests = await serve_raw(HELLO)
    client = HttpClient(url)

    async with listening:
        for _ in range(3):
            assert (await client.request("GET", "/")).status == 200
        await client.close()

    assert len(requests) == 3


async def test_a_chunked_answer_is_read_whole():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    listening, url, _ = await serve_raw(chunked)
    client = HttpClient(url)

    async with listening:
        response = await client.request("GET", "/")
        await client.close()

    assert response.body == b"abcde"


async def test_no_server_is_one_clear_error():
    listening, url, _ = await serve_raw()
    listening.close()
    await listening.wait_closed()
    client = HttpClient(url)

    with pytest.raises(HttpError, match=r"GET /healthz: .*Connect call failed"):
        await client.request("GET", "/healthz")


async def test_an_answer_that_breaks_off_is_an_error():
    listening, url, _ = await serve_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort")
    client = HttpClient(url)

    async with listening:
        with pytest.raises(HttpError, match="GET /"):
            await client.request("GET", "/")


def test_an_address_without_scheme_says_what_to_give():
    with pytest.raises(HttpError, match=r"such as http://127\.0\.0\.1:8000"):
        HttpClient("localhost:8000")


async def test_a_refusal_carries_its_code(playground):
    api = Api(playground.url)

    with pytest.raises(RefusedError, match="POST /api/session → 401") as refused:
        await api.sign_in("nobody@enroute.example", "wrong password")
    await api.close()

    assert refused.value.code == "wrong_credentials"
