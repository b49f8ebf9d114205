"""The websocket protocol of our uvicorn: the handshake by the websockets library, then the hand-over.

An ASGI application that has accepted a websocket may call
``scope["extensions"]["enroute.handover"](connection, sockets)``: from then on the bytes go straight between the
socket and ``connection`` (``tracker.connections``, ``tracker.sockets``), without a transport, a task, a queue or an
ASGI message in between. What is not handed over is served by uvicorn as ever.
"""

from __future__ import annotations

import os
from asyncio import BaseTransport, Transport
from typing import Any, cast

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from tracker.connections import Connection
from tracker.sockets import Sockets

EXTENSION = "enroute.handover"
MAX_EARLY_BYTES = 65_536
"""A client may not speak before the handshake is answered; what an impatient one sends is held up to here."""


class EnrouteWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, plus the hand-over."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._early: list[bytes] = []
        self._early_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            # The library would begin to parse frames; after a hand-over that is not its business any more.
            self._early.append(data)
            self._early_bytes += len(data)
            if self._early_bytes > MAX_EARLY_BYTES:
                self.transport.abort()
            return
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = cast(Any, self.hand_over)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept" and self._early:
            # Fed after the application had the chance to take the connection over in the same breath.
            self.loop.call_soon(self._feed_early)

    def _feed_early(self) -> None:
        early, self._early = self._early, []
        protocol = self.transport.get_protocol()
        for data in early:
            protocol.data_received(data)  # type: ignore[attr-defined]

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        # The answer to the handshake is written at once: nothing of it may wait in a buffer at the hand-over.
        self.transport.set_write_buffer_limits(high=0)

    def hand_over(self, connection: Connection, sockets: Sockets) -> None:
        """Give the accepted websocket's socket to ``connection``. Call it once, right after ``accept``, without an
        await between; raises ``RuntimeError`` before the handshake is complete."""
        transport = self.transport
        if transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()
            connection.abort()
            return
        if not self.handshake_complete or self.close_sent:
            raise RuntimeError("Only an accepted websocket can be handed over. Call accept() first.")
        # The keepalive timer would pin this protocol and all it holds for as long as the connection lives.
        self.stop_keepalive()
        # A second descriptor of the same socket: closing the transport's own does not touch the connection.
        sockets.adopt(os.dup(transport.get_extra_info("socket").fileno()), connection)
        transport.abort()
        early, self._early = self._early, []
        for data in early:
            self.loop.call_soon(connection.data_received, data)
        self.transport = cast(Transport, _GONE)
        # The scope points back here through the extension: without this the pair waits for the garbage collector.
        self.scope["extensions"].pop(EXTENSION, None)


class _Gone(BaseTransport):
    """What uvicorn finds instead of a transport that now belongs to another: closing it does nothing."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        return None

    def abort(self) -> None:
        return None

    def write(self, data: bytes) -> None:
        return None


_GONE = _Gone()


def hand_over(websocket: WebSocket, connection: Connection, sockets: Sockets) -> None:
    """Hand an accepted Starlette websocket to a connection. Raises ``RuntimeError`` under a foreign server."""
    take = websocket.scope.get("extensions", {}).get(EXTENSION)
    if take is None:
        raise RuntimeError("This server cannot hand websockets over. Start it with `enroute serve`.")
    take(connection, sockets)
