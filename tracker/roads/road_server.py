"""Questions to a road server over HTTP, bounded in time and size."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

# Kept by pydantic, and already what the tests run on. The standard library's clients block a thread for each question
# and know no deadline for the whole of it: a server that drips a byte per second would hold them for ever.
import httpx2

from tracker.errors import RoadsUnavailable

TIMEOUT_S = 3.0
CONNECT_S = 1.0
MAX_BYTES = 8 << 20
"""A route across Europe has some 3 MB."""
KEPT_OPEN_S = 4.0
"""osrm-routed closes an idle connection after five."""
KEPT_OPEN = 8

# It would write every URL to the log, and an URL here is where a technician is.
for name in ("httpx2", "httpcore2"):
    logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    status: int
    body: bytes


class RoadServer:
    """One server at ``url`` (http or https, perhaps with a path). Owes ``close``."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, max_bytes: int = MAX_BYTES) -> None:
        self.host = urlsplit(url).hostname or url
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._client = httpx2.AsyncClient(
            base_url=url,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "enroute"},
            timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            # How many ask at once is bounded by who asks.
            limits=httpx2.Limits(max_keepalive_connections=KEPT_OPEN, keepalive_expiry=KEPT_OPEN_S),
            # No proxy that nobody configured, no other server than the one that was.
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, target: str) -> ServerAnswer:
        return await self._ask("GET", target, None)

    async def post(self, target: str, body: bytes) -> ServerAnswer:
        return await self._ask("POST", target, body)

    async def _ask(self, method: str, target: str, body: bytes | None) -> ServerAnswer:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(method, target, body)
        except (TimeoutError, httpx2.TimeoutException):
            raise RoadsUnavailable(f"no answer within {self._timeout_s:g} s", reason="timeout") from None
        except httpx2.ConnectError as error:
            raise RoadsUnavailable(f"no connection: {error}", reason="unreachable") from None
        except httpx2.RequestError as error:
            raise RoadsUnavailable(f"the connection broke: {error or type(error).__name__}", reason="cut_off") from None

    async def _exchange(self, method: str, target: str, body: bytes | None) -> ServerAnswer:
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self._client.stream(method, target, content=body, headers=headers) as response:
            content = bytearray()
            async for part in response.aiter_raw():
                content += part
                if len(content) > self._max_bytes:
                    raise RoadsUnavailable(f"an answer of more than {self._max_bytes} bytes", reason="too_large")
            return ServerAnswer(response.status_code, bytes(content))
