"""From HTTP to a websocket: the application decides, the handshake is answered, the socket is handed over.

An ASGI application that has accepted a websocket must call
``scope["extensions"]["enroute.handover"](connection, sockets)`` in the same breath: from then on the bytes go straight
between the socket and ``connection`` (``tracker.connections``, ``tracker.sockets``), without a transport, a task, a
queue or an ASGI message in between. The answer to the handshake leaves with the first frame, in one write. Before it
accepts it may instead give the socket and the request away, to be asked again elsewhere (``web.neighbours``).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import msgspec
from starlette.websockets import WebSocket

from tracker.connections import Connection
from tracker.sockets import Sockets
from web.handshake import Acceptance
from web.http_answers import answer_bytes, status_line

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

EXTENSION = "enroute.handover"
PASS_ON = "enroute.pass_on"
_INTERNAL = (500, "internal", "Something went wrong on our side")

log = logging.getLogger("enroute.http")


class UpgradeRequest(msgspec.Struct):
    """A request to become a websocket, as it was parsed. ``early`` are bytes that came after it."""

    target: bytes
    headers: list[tuple[bytes, bytes]]
    acceptance: Acceptance
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    early: bytes = b""


class Upgrade:
    """A connected socket whose handshake is in order, until the application has decided about it.

    Everything here lives for the milliseconds of a handshake: nothing of it may be held by what comes after.
    """

    __slots__ = (
        "__weakref__",
        "_answer",
        "_denial",
        "_greeted",
        "_request",
        "_server_state",
        "_socket",
        "_task",
        "scope",
    )

    def __init__(
        self,
        request: UpgradeRequest,
        sock: socket.socket,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        stays: bool = False,
    ) -> None:
        """``sock`` is non-blocking and ours: it is handed over or closed here. One that ``stays`` is not passed on."""
        self._socket: socket.socket | None = sock
        self._server_state = server_state
        self._request = request
        self._answer: bytes | None = None
        self._denial: dict[str, Any] | None = None
        self._greeted = False
        raw_path, _, query = request.target.partition(b"?")
        path = raw_path.decode("latin-1")
        root_path = config.root_path
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": request.server,
            "client": request.client,
            "root_path": root_path,
            "path": root_path + (unquote(path) if "%" in path else path),
            "raw_path": root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": request.headers,
            "subprotocols": request.acceptance.subprotocols,
            "state": app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: self.hand_over},
        }
        if not stays:
            self.scope["extensions"][PASS_ON] = self.pass_on
        server_state.connections.add(cast(Any, self))
        self._task = asyncio.get_running_loop().create_task(self._run(config.loaded_app))
        server_state.tasks.add(self._task)

    async def _run(self, app: Any) -> None:
        try:
            await app(self.scope, self.receive, self.send)
            if self._socket is not None:
                log.error("%s was neither refused nor handed over", self.scope["path"])
        except Exception:
            log.exception("a handshake failed")
        finally:
            self._refuse(*_INTERNAL)
            # These hold each other; without this they would wait for the garbage collector.
            self.scope["extensions"].clear()
            self._server_state.tasks.discard(self._task)

    def shutdown(self) -> None:
        """The server is going and nothing was decided yet."""
        self._refuse(503, "not_ready", "The server is stopping")

    # What the application says

    async def receive(self) -> Any:
        if not self._greeted:
            self._greeted = True
            return {"type": "websocket.connect"}
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if self._answer is None and self._denial is None and kind == "websocket.accept":
            self._accept(message.get("subprotocol"), message.get("headers") or ())
        elif self._answer is None and self._denial is None and kind == "websocket.close":
            self._refuse(403, "forbidden", "Not allowed")
        elif self._answer is None and self._denial is None and kind == "websocket.http.response.start":
            self._denial = message | {"body": b""}
        elif self._denial is not None and kind == "websocket.http.response.body":
            self._deny(message)
        else:
            raise RuntimeError(f"Unexpected {kind!r}: an accepted websocket must be handed over.")

    def _accept(self, subprotocol: str | None, headers: Any) -> None:
        answer = [
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ",
            self._request.acceptance.accept,
        ]
        for name, value in (*self._server_state.default_headers, *headers):
            answer += (b"\r\n", name, b": ", value)
        if subprotocol:
            answer += (b"\r\nsec-websocket-protocol: ", subprotocol.encode("ascii"))
        answer.append(b"\r\n\r\n")
        self._answer = b"".join(answer)

    def _deny(self, message: Any) -> None:
        assert self._denial is not None
        self._denial["body"] += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = self._denial["body"]
        own = [(b"content-length", str(len(body)).encode("ascii")), (b"connection", b"close")]
        given = [pair for pair in self._denial.get("headers", ()) if pair[0].lower() not in dict(own)]
        answer = [status_line(self._denial["status"])]
        for name, value in (*self._server_state.default_headers, *given, *own):
            answer += (name, b": ", value, b"\r\n")
        self._say(b"".join((*answer, b"\r\n", body)))

    def _refuse(self, status: int, code: str, title: str) -> None:
        if self._socket is not None:
            headers = [*self._server_state.default_headers, (b"connection", b"close")]
            self._say(answer_bytes(status, code, title, headers=headers))

    def _say(self, answer: bytes) -> None:
        """The last word: a few hundred bytes, which a socket that was never written to takes."""
        sock = self._take()
        if sock is not None:
            say_and_close(sock, answer)

    def _take(self) -> socket.socket | None:
        sock, self._socket = self._socket, None
        self._server_state.connections.discard(cast(Any, self))
        return sock

    def pass_on(self, give: Callable[[UpgradeRequest, socket.socket], bool]) -> bool:
        """Let ``give`` copy the socket to another process, which answers the handshake; False when it did not."""
        if self._socket is None or self._answer is not None or not give(self._request, self._socket):
            return False
        sock = self._take()
        assert sock is not None
        sock.close()
        return True

    def hand_over(self, connection: Connection, sockets: Sockets, first: bytes = b"") -> None:
        """Answer the handshake and give the socket to ``connection``; ``first`` is a frame to begin with. Call it once,
        right after ``accept``, without an await between; raises ``RuntimeError`` before that."""
        if self._answer is None:
            raise RuntimeError("Only an accepted websocket can be handed over. Call accept() first.")
        sock = self._take()
        if sock is None:
            connection.abort()
            return
        data = self._answer + first
        try:
            whole = sock.send(data) == len(data)
        except OSError:
            whole = False
        if not whole:
            sock.close()
            connection.abort()
            return
        sockets.adopt(sock.detach(), connection, self._request.early)


def say_and_close(sock: socket.socket, answer: bytes) -> None:
    """One short answer, and the end of the connection. What a full socket does not take is lost."""
    with sock:
        try:
            sock.send(answer)
            # Closing with bytes unread would reset the connection, and the answer with it.
            sock.shutdown(socket.SHUT_WR)
            sock.recv(65_536)
        except OSError:
            pass


def hand_over(websocket: WebSocket, connection: Connection, sockets: Sockets, first: bytes = b"") -> None:
    """Hand an accepted Starlette websocket to a connection. Raises ``RuntimeError`` under a foreign server."""
    take = websocket.scope.get("extensions", {}).get(EXTENSION)
    if take is None:
        raise RuntimeError("This server cannot hand websockets over. Start it with `enroute serve`.")
    take(connection, sockets, first)
