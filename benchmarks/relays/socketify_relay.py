"""The relay on uWebSockets, through socketify: its own publish and subscribe.

python socketify_relay.py PORT; the URLs are those of c/epoll_limit.c.
"""

from __future__ import annotations

import sys

from socketify import App, AppListenOptions, CompressOptions, OpCode, Request, Response, WebSocket

QUIET = {
    "compression": CompressOptions.DISABLED,
    "idle_timeout": 0,
    "max_backpressure": 16 * 1024 * 1024,
    "send_pings_automatically": False,
}


def upgrade(response: Response, request: Request, context: object, topic: str) -> None:
    response.upgrade(request.get_header("sec-websocket-key"), None, None, context, topic)


def upgrade_device(response: Response, request: Request, context: object) -> None:
    upgrade(response, request, context, request.get_header("authorization").removeprefix("Bearer "))


def upgrade_watcher(response: Response, request: Request, context: object) -> None:
    upgrade(response, request, context, request.get_parameter(0))


def publish(device: WebSocket, message: str | bytes, opcode: OpCode) -> None:
    app.publish(device.get_user_data(), message, OpCode.TEXT)


def subscribe(watcher: WebSocket) -> None:
    watcher.subscribe(watcher.get_user_data())


app = App()
app.ws("/ws/device", QUIET | {"upgrade": upgrade_device, "message": publish})
app.ws("/ws/appointments/:topic", QUIET | {"upgrade": upgrade_watcher, "open": subscribe})

if __name__ == "__main__":
    app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"))
    # Its own run() polls this loop from asyncio, without waiting: that would burn the core while nothing happens.
    app.loop.uv_loop.run()
