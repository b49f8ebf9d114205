"""A network line between a browser and a server: as slow, as far, and as broken as one asks for.

Everything of one browser goes over one line: all connections share its rate, and each direction takes half the
round trip. A silent line takes bytes in and loses them: neither side hears of it, as behind a router that forgot a
connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

READ_BYTES = 16_384


class Direction:
    """One way of the line. Whatever is sent leaves after all that was handed over before it."""

    def __init__(self, *, bits_per_s: float | None, delay_s: float) -> None:
        self.carried_bytes = 0
        self._bits_per_s = bits_per_s
        self._delay_s = delay_s
        self._free_at_s = 0.0

    async def carry(self, size_bytes: int) -> float:
        """Wait until so many bytes are on the line; the loop's time at which they come out at the other end."""
        now_s = asyncio.get_running_loop().time()
        took_s = 8 * size_bytes / self._bits_per_s if self._bits_per_s else 0.0
        # Others may come while this one waits: what they add to the line is behind it.
        gone_at_s = self._free_at_s = max(self._free_at_s, now_s) + took_s
        self.carried_bytes += size_bytes
        await asyncio.sleep(gone_at_s - now_s)
        return gone_at_s + self._delay_s


class SlowLink:
    """Takes connections at 127.0.0.1:`port` and brings them to the server's. Set `silent` to lose everything."""

    def __init__(self, server_port: int, *, bits_per_s: float | None = None, round_trip_s: float = 0.0) -> None:
        self.port = 0
        self.silent = False
        self.up = Direction(bits_per_s=bits_per_s, delay_s=round_trip_s / 2)
        self.down = Direction(bits_per_s=bits_per_s, delay_s=round_trip_s / 2)
        self._server_port = server_port
        self._round_trip_s = round_trip_s
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its handshake to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            # The kernel on this machine has shaken hands already; over the line it takes a round trip.
            await asyncio.sleep(self._round_trip_s)
            await self._join(reader, writer)
        except* OSError:
            # One side, or the server as a whole, is gone: so is the connection.
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, server_writer, self.up))
                ways.create_task(self._carry(server_reader, writer, self.down))
        finally:
            server_writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)

        async def deliver() -> None:
            loop = asyncio.get_running_loop()
            while True:
                due_s, data = await under_way.get()
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        try:
            while data := await reader.read(READ_BYTES):
                if not self.silent:
                    await under_way.put((await way.carry(len(data)), data))
            if self.silent:
                # The goodbye is lost as well.
                await asyncio.get_running_loop().create_future()
            await under_way.put((await way.carry(0), b""))
            await delivering
        finally:
            delivering.cancel()

    async def close(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@asynccontextmanager
async def slow_link(
    server_port: int, *, bits_per_s: float | None = None, round_trip_s: float = 0.0
) -> AsyncIterator[SlowLink]:
    """A line to 127.0.0.1:server_port, open for the time of the block."""
    link = SlowLink(server_port, bits_per_s=bits_per_s, round_trip_s=round_trip_s)
    listening = await asyncio.start_server(link.take, "127.0.0.1", 0)
    link.port = listening.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        listening.close()
        await link.close()
        await listening.wait_closed()
