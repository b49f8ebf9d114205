"""One keep-alive HTTP/1.1 connection of one simulated person, on asyncio streams and h11's sans-I/O protocol.

A simulation is thousands of people with a connection each; this is as little as such a person needs.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

READ_BYTES = 65_536
MAX_BODY_BYTES = 16 * 1024 * 1024


class HttpError(Exception):
    """No answer came: the server cannot be reached, closed the connection, or speaks no HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """Sends one request at a time to ``base_url`` (http or https), in the order asked.

    After use you owe :meth:`close`. A connection the server closed while idle is opened again once.
    """

    def __init__(self, base_url: str, *, timeout_s: float = 30.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HttpError(f"{base_url!r} is no server address; give one such as http://127.0.0.1:8000")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._netloc = parts.netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._protocol: h11.Connection | None = None

    async def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> HttpResponse:
        """The whole answer. Raises HttpError when there is none within ``timeout_s``."""
        async with self._turn:
            kept = self._streams is not None
            try:
                async with asyncio.timeout(self._timeout_s):
                    try:
                        return await self._exchange(method, path, headers or {}, body)
                    except (OSError, h11.RemoteProtocolError, _ClosedError):
                        await self.close()
                        # A request on a fresh connection is not repeated: the server may have acted on it.
                        if not kept:
                            raise
                        return await self._exchange(method, path, headers or {}, body)
            except TimeoutError as error:
                await self.close()
                raise HttpError(f"{method} {path}: no answer within {self._timeout_s:g} s") from error
            except (OSError, h11.ProtocolError, _ClosedError) as error:
                await self.close()
                raise HttpError(f"{method} {path}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
            self._protocol = None

    async def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes) -> HttpResponse:
        if self._streams is None or self._protocol is None:
            context = ssl.create_default_context() if self._secure else None
            self._streams = await asyncio.open_connection(self._host, self._port, ssl=context)
            self._protocol = h11.Connection(our_role=h11.CLIENT)
        (reader, writer), protocol = self._streams, self._protocol
        fields = {"Host": self._netloc, "Accept": "application/json", "User-Agent": "enroute-simulation"}
        fields |= headers
        if body or method != "GET":
            fields["Content-Length"] = str(len(body))
        head = h11.Request(method=method, target=self._prefix + path, headers=list(fields.items()))
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(protocol.send(event) or b"")
        await writer.drain()
        response = await self._receive(reader, protocol)
        if protocol.our_state is h11.MUST_CLOSE or protocol.their_state is h11.MUST_CLOSE:
            await self.close()
        else:
            protocol.start_next_cycle()
        return response

    async def _receive(self, reader: asyncio.StreamReader, protocol: h11.Connection) -> HttpResponse:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(READ_BYTES)
                if not data and head is None:
                    raise _ClosedError("the server closed the connection")
                protocol.receive_data(data)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY_BYTES:
                    raise _ClosedError(f"the answer is over {MAX_BODY_BYTES} bytes")
            elif isinstance(event, h11.EndOfMessage):
                if head is None:
                    raise _ClosedError("an answer without a status")
                fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
                return HttpResponse(head.status_code, fields, bytes(body))


class _ClosedError(Exception):
    """The connection ended before the answer did."""
