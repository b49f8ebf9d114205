"""`python -m tests.conformance.echo_server`: our connections behind our handshake, saying back what they hear.

Prints the port it took and ends with its standard input, so that it cannot outlive the tests that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tracker.connections import CONNECTION_STATE, Connection
from tracker.frames import MAX_MESSAGE_BYTES, frame
from tracker.sockets import Sockets
from web.listeners import BACKLOG, listen
from web.serve import Server
from web.upgrade import hand_over

LARGEST_BYTES = 16 * 2**20
"""What the largest case sends."""


class EchoConnection(Connection):
    __slots__ = CONNECTION_STATE

    max_bytes = LARGEST_BYTES

    def messages_received(self, messages: list[tuple[int, bytes]]) -> None:
        for opcode, payload in messages:
            self.send_frame(frame(payload, opcode))


class PhoneSizedEchoConnection(EchoConnection):
    __slots__ = ()

    max_bytes = MAX_MESSAGE_BYTES


def echo_app() -> Starlette:
    sockets = Sockets()

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        hand_over(websocket, EchoConnection(), sockets)

    async def phone_sized_echo(websocket: WebSocket) -> None:
        await websocket.accept()
        hand_over(websocket, PhoneSizedEchoConnection(), sockets)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # What the server looks for in an application of ours.
        app.state.enroute = SimpleNamespace(sockets=sockets, neighbours=None, draining=asyncio.Event())
        yield

    async def connections(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(sockets)))

    routes = [
        WebSocketRoute("/", echo),
        WebSocketRoute("/phone-sized", phone_sized_echo),
        Route("/connections", connections),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    app = echo_app()
    listener = listen("127.0.0.1", 0)
    # As `enroute serve` has it.
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
    )

    def ready(_: Server) -> None:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), input_ended)
        print(listener.getsockname()[1], flush=True)

    def input_ended() -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        server.should_exit = True

    server = Server(config, app=app, on_ready=ready)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
