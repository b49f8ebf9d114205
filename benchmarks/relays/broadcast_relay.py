"""The relay on `websockets`: its own `broadcast()`, on uvloop.

python broadcast_relay.py PORT; the URLs are those of c/epoll_limit.c.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

topics: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def relay(connection: ServerConnection) -> None:
    request = connection.request
    assert request is not None
    if request.path == "/ws/device":
        watchers = topics[request.headers["Authorization"].removeprefix("Bearer ")]
        try:
            while True:
                # As bytes the text is neither decoded nor encoded again.
                broadcast(watchers, await connection.recv(decode=False), text=True)
        except ConnectionClosed:
            return
    watchers = topics[request.path.removeprefix("/ws/appointments/")]
    watchers.add(connection)
    try:
        await connection.wait_closed()
    finally:
        watchers.discard(connection)


async def main(port: int) -> None:
    async with serve(relay, "127.0.0.1", port, compression=None, ping_interval=None, open_timeout=60, backlog=4096):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
