"""A line between a browser and a server: what it carries, how late, and what it loses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.slow_link import Direction, slow_link


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


async def test_all_connections_share_the_rate_and_each_byte_takes_half_the_round_trip() -> None:
    way = Direction(bits_per_s=1_000_000, delay_s=0.05)
    began_s = asyncio.get_running_loop().time()

    first_s, second_s = await asyncio.gather(way.carry(1000), way.carry(2000))

    assert first_s - began_s >= 0.058
    assert second_s - first_s == pytest.approx(0.016)
    assert way.carried_bytes == 3000


async def test_bytes_go_there_and_back_whole_and_in_order() -> None:
    sent = bytes(range(256)) * 400
    async with echo_server() as port, slow_link(port, round_trip_s=0.01) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(sent)
        writer.write_eof()

        back = await reader.read(-1)
        writer.close()

    assert back == sent
    assert link.up.carried_bytes == link.down.carried_bytes == len(sent)


async def test_a_silent_line_loses_what_is_sent_and_nobody_hears_of_it() -> None:
    async with echo_server() as port, slow_link(port) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"heard")
        assert await reader.readexactly(5) == b"heard"

        link.silent = True
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        link.silent = False
        writer.write(b"again")

        assert await reader.readexactly(5) == b"again"
        writer.close()
