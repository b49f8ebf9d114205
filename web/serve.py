"""One serving process: uvicorn around the application, our own acceptor, the drain at the end."""

from __future__ import annotations

import asyncio
import gc
import logging
import platform
import socket
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette

from web.acceptor import Acceptor
from web.app import create_app
from web.compiled import core
from web.config import Settings
from web.http_answers import answer_bytes
from web.http_protocol import FULL
from web.intake import RETRY_S, Intake, connections_allowed
from web.large_pages import LargePages
from web.listeners import BACKLOG
from web.neighbours import Full
from web.scrapes import Scrapes
from web.upgrade import Upgrade, UpgradeRequest, say_and_close

# A phone posts every five to ten seconds; a new TLS handshake each time would cost it more than the fix.
KEEP_ALIVE_S = 75
DRAIN_S = 10
MAX_WEBSOCKET_BYTES = 65_536
SWITCH_S = 0.0005
"""How long a thread that stores fixes may keep the interpreter from the event loop; Python's own 5 ms would be all that
the loop may ever be held."""

MB = 1 << 20

log = logging.getLogger("enroute.serve")


def serve(
    settings: Settings,
    listener: socket.socket,
    *,
    on_ready: Callable[[Server], None],
    scrapes: Scrapes | None = None,
    others: Mapping[int, socket.socket] | None = None,
) -> int:
    """Serve on `listener` until SIGTERM or SIGINT, then drain; the exit code. `on_ready` when connections are taken.

    Among several workers `scrapes` are what they count, `others` their sockets by number, see `Server.cover`.
    """
    app = create_app(settings)
    app.state.scrapes = scrapes
    app.state.worker = scrapes.number if scrapes is not None else None
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        # Websockets do not pass through uvicorn.
        ws="none",
        ws_max_size=MAX_WEBSOCKET_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        backlog=BACKLOG,
    )
    large_pages = LargePages() if settings.large_pages == "auto" else None
    server = Server(config, app=app, on_ready=on_ready, others=others or {}, large_pages=large_pages)
    sys.setswitchinterval(SWITCH_S)
    try:
        server.run(sockets=[listener])
    except SystemExit as stopped:  # uvicorn's word for a lifespan that failed; its log line said why
        return int(stopped.code or 1)
    return 0


class Server(uvicorn.Server):
    """Tells when it is ready, and tells long answers when it begins to stop. `cover` and `uncover` may be called from
    any thread."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        app: Starlette,
        on_ready: Callable[[Server], None],
        others: Mapping[int, socket.socket] | None = None,
        large_pages: LargePages | None = None,
    ) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready
        self._others = others or {}
        self._large_pages = large_pages
        self._covered: dict[int, Acceptor] = {}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn starts the application; connections are taken by our own acceptor.
        await super().startup(sockets=[])
        self._intake = Intake(
            loop=(loop := asyncio.get_running_loop()),
            handed_over=lambda: self._app.state.enroute.sockets,
            max_connections=connections_allowed(),
        )
        self._loop = loop
        scrapes: Scrapes | None = getattr(self._app.state, "scrapes", None)
        if scrapes is not None:
            await scrapes.start(lambda: self._app.state.enroute.metrics.text())
        # What lives now lives for ever: a full collection over it would stop the world for no gain.
        gc.collect()
        gc.freeze()
        if self._large_pages is not None:
            self._large_pages.gather_code()
            self._large_pages.gather_heap()
            log.info(
                "memory: %.1f MB of code in one piece, %.0f MB of heap in large pages",
                self._large_pages.code_bytes / MB,
                self._large_pages.heap_bytes / MB,
            )
            self._large_pages.keep()
        for listener in sockets or ():
            self._accept(listener)
        neighbours = self._app.state.enroute.neighbours
        if neighbours is not None:
            neighbours.start(self._passed)
        log.info("core: %s, Python %s", core(), platform.python_version())
        self._on_ready(self)

    def cover(self, number: int) -> None:
        """Take the connections of this worker's socket too: it is gone."""
        self._loop.call_soon_threadsafe(self._cover, number)

    def uncover(self, number: int) -> None:
        """It has a successor: take no more of its connections, keep those that were taken."""
        self._loop.call_soon_threadsafe(self._uncover, number)

    def _cover(self, number: int) -> None:
        if not self.should_exit and number not in self._covered:
            # A copy, because an acceptor closes what it was given.
            self._covered[number] = self._accept(self._others[number].dup())

    def _uncover(self, number: int) -> None:
        acceptor = self._covered.pop(number, None)
        if acceptor is not None:
            acceptor.close()
            self.servers.remove(cast(Any, acceptor))

    def _accept(self, listener: socket.socket) -> Acceptor:
        acceptor = Acceptor(
            listener,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            intake=self._intake,
        )
        acceptor.start()
        self.servers.append(cast(Any, acceptor))
        return acceptor

    def _passed(self, request: UpgradeRequest, sock: socket.socket) -> None:
        """A worker beside this one says that this connection belongs here."""
        if self._intake.room(self.server_state.connections) <= 0:
            say_and_close(
                sock, answer_bytes(*FULL, headers=[(b"retry-after", b"%d" % RETRY_S), (b"connection", b"close")])
            )
            raise Full
        Upgrade(
            request,
            sock,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            stays=True,
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Event streams end by themselves when they see this; websockets are told 1012.
        state = self._app.state.enroute
        state.draining.set()
        # Or a connection to a worker that has closed its own would wait in the queue of nobody.
        for other in self._others.values():
            other.close()
        if state.neighbours is not None:
            state.neighbours.close()
        if (scrapes := getattr(self._app.state, "scrapes", None)) is not None:
            scrapes.close()
        if self._large_pages is not None:
            self._large_pages.stop()
        await state.sockets.drain()
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not remembered as uvicorn does, which would raise the signal again after the drain: a drained stop is a
        # success and exits with 0. A second signal does not wait for the drain.
        self.force_exit = self.should_exit
        self.should_exit = True
