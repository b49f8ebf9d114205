"""uvicorn's HTTP protocol with an end to everything: headers, bodies, connections; and a short way to a websocket."""

from __future__ import annotations

import os
import socket
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from web.deadlines import Deadlines
from web.handshake import Refusal, judge
from web.http_answers import answer_bytes
from web.intake import MAX_HEADER_BYTES, MAX_HEADERS, RETRY_S, Intake
from web.upgrade import Upgrade, UpgradeRequest

_Answer = tuple[int, str, str]
TOO_LARGE: _Answer = (431, "header_too_large", "The header of the request is too large")
TOO_SLOW: _Answer = (408, "request_timeout", "The request did not arrive in time")
UNREADABLE: _Answer = (400, "malformed", "The request could not be read")
FULL: _Answer = (503, "overloaded", "Very busy just now, please try again soon")


class EnrouteHttpProtocol(HttpToolsProtocol):
    """One connection, until it ends or becomes a websocket."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,
        *,
        intake: Intake,
        first: bytes = b"",
    ) -> None:
        """``first``: bytes of the connection that were read before it was given to a transport."""
        super().__init__(config, server_state, app_state, _loop)
        self._first = first
        self.url = b""
        self._intake = intake
        self._refusal: _Answer | None = None
        self._is_excess = False
        # Reading a header, or waiting for the first byte of one; else a body, of which something is missing.
        self._in_header = True
        self._header_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._is_excess = self._intake.room(self.connections) < 0
        self._intake.headers.begin(self)
        first, self._first = self._first, b""
        if first:
            self.data_received(first)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadlines()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self.parser is None:
            return
        if self._in_header:
            self._header_bytes += len(data)
            if self not in self._intake.headers:
                self._intake.headers.begin(self)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._upgrade(data[upgrade.args[0] :] if upgrade.args else b"")
            else:
                self._unsupported_upgrade_warning()
            return
        except httptools.HttpParserError:
            self._refuse(self._refusal or UNREADABLE)
            return
        if self._in_header:
            # One that never ends is never complete: it is the bytes that tell.
            if self._header_bytes > MAX_HEADER_BYTES:
                self._refuse(TOO_LARGE)
        elif self not in self._intake.bodies:
            self._intake.bodies.begin(self)
            self._intake.silences.begin(self)
        else:
            self._intake.silences.begin(self)

    # What the parser says

    def on_headers_complete(self) -> None:
        headers = self.headers
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > MAX_HEADER_BYTES or len(headers) > MAX_HEADERS:
            self._stop(TOO_LARGE)
        if self._is_excess:
            self._stop(FULL)
        self._in_header = False
        self._header_bytes = 0
        self._intake.headers.end(self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_header = True
        self._intake.bodies.end(self)
        self._intake.silences.end(self)
        super().on_message_complete()

    def _stop(self, refusal: _Answer) -> None:
        self._refusal = refusal
        raise _Refused

    # Ends

    def overdue(self, deadlines: Deadlines) -> None:
        """A header, or a body, did not come in time."""
        if deadlines is self._intake.headers:
            if self._is_answering():
                # The beginning of a next request may wait for the end of this answer.
                deadlines.begin(self)
            elif self._header_bytes:
                self._refuse(TOO_SLOW)
            else:
                # A browser that opened a connection for later.
                self._hang_up()
        elif self.flow.read_paused:
            # It is we who do not listen.
            deadlines.begin(self)
        else:
            self._refuse(TOO_SLOW)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, refusal: _Answer) -> None:
        """Answer and hang up; without an answer, where another one has begun."""
        status, code, title = refusal
        if self.cycle is None or (self.cycle.response_complete and not self.pipeline):
            headers = [*self.server_state.default_headers, (b"connection", b"close")]
            if status == 503:
                headers.append((b"retry-after", str(RETRY_S).encode("ascii")))
            self.transport.write(answer_bytes(status, code, title, headers=headers))
        elif not self.cycle.response_started and not self._in_header:
            headers = [*self.server_state.default_headers, (b"connection", b"close")]
            self.transport.write(answer_bytes(status, code, title, headers=headers))
        self._hang_up()

    def _hang_up(self) -> None:
        self._stop_deadlines()
        # Whatever still comes is not listened to any more.
        self.parser = None  # type: ignore[assignment]
        self.transport.close()

    def _stop_deadlines(self) -> None:
        for deadlines in (self._intake.headers, self._intake.silences, self._intake.bodies):
            deadlines.end(self)

    # Becoming a websocket

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def _upgrade(self, early: bytes) -> None:
        self._stop_deadlines()
        method = self.scope["method"].encode("ascii")
        judged = judge(method=method, http_version=self.scope["http_version"], target=self.url, headers=self.headers)
        # The parser and this hold each other: let go of it, or both wait for the garbage collector.
        self.parser = None  # type: ignore[assignment]
        if isinstance(judged, Refusal):
            headers = [*self.server_state.default_headers, (b"connection", b"close"), *judged.headers]
            title = UNREADABLE[2]
            self.transport.write(answer_bytes(judged.status, "malformed", title, detail=judged.detail, headers=headers))
            self.transport.close()
            return
        transport = self.transport
        if transport.get_write_buffer_size():
            # An earlier answer is still on its way: who asks like that is no browser.
            transport.close()
            return
        # A second descriptor of the same socket: closing the transport's own does not touch the websocket.
        sock = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        sock.setblocking(False)
        transport.abort()
        request = UpgradeRequest(self.url, self.headers, judged, self.client, self.server, early)
        Upgrade(request, sock, config=self.config, server_state=self.server_state, app_state=self.app_state)


class _Refused(Exception):
    """Ends the parser's work; the answer is in `_refusal`."""
