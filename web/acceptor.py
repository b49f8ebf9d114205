"""Takes connections from the listening socket. A websocket's handshake goes the short way, without a transport of the
event loop: parsed, judged and given to the application from the first read. Everything else is uvicorn's as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import re
import socket
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from web.handshake import Acceptance, judge
from web.http_protocol import EnrouteHttpProtocol
from web.intake import MAX_HEADER_BYTES, MAX_HEADERS, TOLD_TO_WAIT, Intake
from web.upgrade import Upgrade, UpgradeRequest

BATCH = 16
"""Connections taken before the loop gets its turn: about 3 ms."""
DATA_WITHIN_S = 1
"""A connection is taken when its first bytes are there, or after this time without any."""
REST_S = 1.0
"""When the operating system has no descriptors left, nothing is taken for this long."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_HANDSHAKE = re.compile(rb"\r\nupgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)

log = logging.getLogger("enroute.http")


class Acceptor:
    """``start`` takes connections until ``close``."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        intake: Intake,
    ) -> None:
        self._listener = listener
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._intake = intake
        self._loop = asyncio.get_running_loop()
        self._server = _Address(listener)
        self._tasks: set[asyncio.Task[None]] = set()
        self._rest: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._listener.setblocking(False)
        with contextlib.suppress(AttributeError, OSError):
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DATA_WITHIN_S)
        self._loop.add_reader(self._listener.fileno(), self._take_some)

    def close(self) -> None:
        """Take no more. Who was taken stays."""
        if self._rest is not None:
            self._rest.cancel()
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._tasks)

    def _take_some(self) -> None:
        for _ in range(BATCH):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._pause(error)
                    return
                continue  # this one was gone before it was taken
            sock.setblocking(False)
            try:
                self._take(sock, address)
            except Exception:
                log.exception("a connection could not be taken")
                sock.close()

    def _pause(self, error: OSError) -> None:
        log.error("no connection can be taken for %.0f s: %s", REST_S, error.strerror)
        self._loop.remove_reader(self._listener.fileno())
        self._rest = self._loop.call_later(REST_S, self._loop.add_reader, self._listener.fileno(), self._take_some)

    def _take(self, sock: socket.socket, address: Any) -> None:
        room = self._intake.room(self._server_state.connections)
        if room <= -TOLD_TO_WAIT:
            sock.close()
            return
        try:
            data = sock.recv(MAX_HEADER_BYTES)
        except BlockingIOError:
            data = b""
        except OSError:
            sock.close()
            return
        else:
            if not data:
                sock.close()
                return
        if room > 0 and data.endswith(b"\r\n\r\n") and _HANDSHAKE.search(data):
            request = read_handshake(data, client=_pair(address), server=self._server.of(sock))
            if request is not None:
                Upgrade(
                    request,
                    sock,
                    config=self._config,
                    server_state=self._server_state,
                    app_state=self._app_state,
                )
                return
        task = self._loop.create_task(self._serve_http(sock, data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_http(self, sock: socket.socket, data: bytes) -> None:
        """``data`` was read already."""

        def make() -> EnrouteHttpProtocol:
            return EnrouteHttpProtocol(
                self._config, self._server_state, self._app_state, self._loop, intake=self._intake, first=data
            )

        try:
            await self._loop.connect_accepted_socket(make, sock)
        except OSError:
            sock.close()


class _Address:
    """The address people connect to: always the same one, unless the socket listens on all of them."""

    def __init__(self, listener: socket.socket) -> None:
        name = listener.getsockname()
        self._fixed = _pair(name) if name[0] not in ("0.0.0.0", "::") else None

    def of(self, sock: socket.socket) -> tuple[str, int] | None:
        return self._fixed or _pair(sock.getsockname())


def _pair(address: Any) -> tuple[str, int] | None:
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None


class _Header:
    """What the parser tells of one request's header."""

    __slots__ = ("headers", "target")

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def read_handshake(
    data: bytes, *, client: tuple[str, int] | None, server: tuple[str, int | None] | None
) -> UpgradeRequest | None:
    """The request, if ``data`` is one whole handshake of the common form; else None, and the long way finds out."""
    header = _Header()
    parser = httptools.HttpRequestParser(header)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as upgrade:
        if upgrade.args[0] != len(data) or len(header.headers) > MAX_HEADERS:
            return None
    except httptools.HttpParserError:
        return None
    else:
        return None
    judged = judge(
        method=parser.get_method(),
        http_version=parser.get_http_version(),
        target=header.target,
        headers=header.headers,
    )
    if not isinstance(judged, Acceptance):
        return None
    return UpgradeRequest(header.target, header.headers, judged, client, server)
