"""The relay on picows: frames by Cython, callbacks instead of tasks, on uvloop.

python picows_relay.py PORT; the URLs are those of c/epoll_limit.c.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

topics: defaultdict[str, set[WSTransport]] = defaultdict(set)


class Device(WSListener):
    def __init__(self, topic: str) -> None:
        self.watchers = topics[topic]

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            for watcher in self.watchers:
                watcher.send(WSMsgType.TEXT, message)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


class Watcher(WSListener):
    def __init__(self, topic: str) -> None:
        self.watchers = topics[topic]

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.watchers.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.watchers.discard(transport)


def listener(request: WSUpgradeRequest) -> WSListener:
    path = request.path.decode()
    if path == "/ws/device":
        return Device(request.headers["Authorization"].removeprefix("Bearer "))
    return Watcher(path.removeprefix("/ws/appointments/"))


async def main(port: int) -> None:
    server = await ws_create_server(listener, "127.0.0.1", port, websocket_handshake_timeout=60, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
