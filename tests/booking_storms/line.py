"""One keep-alive HTTP/1.1 connection of a customer in a storm: as little as it takes, hundreds share a processor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

# Longer than any answer may take on a machine that does other things; whoever waits longer has found a fault.
ANSWER_WITHIN_S = 90.0


class Cut(Exception):
    """The connection could not be made, or ended before the whole answer was there: nobody knows what happened."""


class Answer(msgspec.Struct, frozen=True):
    """Header names in lower case."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """Of a problem; an empty string for anything else."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) and self.status >= 400 else ""


class _Wire(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.open = False
        self._buffer = b""
        self._waiter: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.open = True

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Cut("the connection ended before the answer"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = self._whole_answer()
        if answer is not None and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)

    def send(self, request: bytes) -> asyncio.Future[Answer]:
        assert self.transport is not None
        self._buffer = b""
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._waiter

    def _whole_answer(self) -> Answer | None:
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if len(body) < int(headers.get("content-length", "0")):
            return None
        return Answer(int(first.split(" ", 2)[1]), headers, msgspec.json.decode(body) if body else None)


class Line:
    """Asks one question at a time; a lost connection is made again for the next one. `close` it at the end."""

    def __init__(self, url: str, *, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._head = (
            f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n".encode()
        )
        self._wire: _Wire | None = None

    async def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Raises Cut, and TimeoutError for a server that holds the connection and says nothing."""
        wire = await self._connected()
        answer = wire.send(self._request(method, path, body, headers or {}))
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await answer
        except BaseException:
            self.close()
            raise

    async def ask_and_hang_up(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """The request goes out, the answer comes to nobody."""
        wire = await self._connected()
        wire.send(self._request(method, path, body, headers or {})).cancel()
        assert wire.transport is not None
        # A close lets the request go out first; an abort would often throw it away with the connection.
        wire.transport.close()
        self._wire = None

    def close(self) -> None:
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.abort()
        self._wire = None

    async def _connected(self) -> _Wire:
        if self._wire is None or not self._wire.open:
            try:
                _, self._wire = await asyncio.get_running_loop().create_connection(_Wire, self._host, self._port)
            except OSError as error:
                raise Cut(str(error)) from None
        return self._wire

    def _request(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> bytes:
        payload = b"" if body is None else msgspec.json.encode(body)
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        start = f"{method} {path} HTTP/1.1\r\nContent-Length: {len(payload)}\r\n".encode()
        return b"".join((start, self._head, more, b"\r\n", payload))
