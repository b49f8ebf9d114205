"""The relay that one writes first: uvicorn, Starlette, and an awaited send per watcher.

python starlette_relay.py PORT; the URLs are those of c/epoll_limit.c.
"""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

topics: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def device(websocket: WebSocket) -> None:
    await websocket.accept()
    watchers = topics[websocket.headers["Authorization"].removeprefix("Bearer ")]
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            text = await websocket.receive_text()
            for watcher in list(watchers):
                # One who has just gone must not end the others' stream.
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await watcher.send_text(text)


async def watch(websocket: WebSocket) -> None:
    await websocket.accept()
    watchers = topics[websocket.path_params["topic"]]
    watchers.add(websocket)
    try:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()
    finally:
        watchers.discard(websocket)


app = Starlette(routes=[WebSocketRoute("/ws/device", device), WebSocketRoute("/ws/appointments/{topic}", watch)])

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        access_log=False,
        log_level="warning",
        lifespan="off",
        backlog=4096,
    )
