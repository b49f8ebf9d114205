"""Clients that come back as real ones do: by the close codes, after a while, at another server."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from simulations.reconnect import Backoff, comes_back
from tests.web.live.visits import now_ms
from web.auth import SESSION_COOKIE

# How soon somebody tries again who does not obey when told to stay away.
STUBBORN_S = (0.2, 0.8)


@dataclass
class Doors:
    """The addresses of one installation."""

    urls: list[str]
    random: Random

    def any(self) -> str:
        return self.random.choice(self.urls)

    def other_than(self, url: str) -> str:
        return self.random.choice([each for each in self.urls if each != url] or self.urls)


class Roaming:
    """One client of a websocket. ``run`` until cancelled, or until the server says to stay away."""

    def __init__(self, doors: Doors, path: str, *, token: str = "", cookie: str = "", stubborn: bool = False) -> None:
        self._doors = doors
        self._path = path
        self._stubborn = stubborn
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if cookie:
            self._headers["Cookie"] = f"{SESSION_COOKIE}={cookie}"
        self._moving = False
        self.dialed_ms = 0
        self._socket: ClientConnection | None = None
        self.backoff = Backoff(doors.random)
        self.closings: Counter[int] = Counter()

    async def run(self) -> None:
        url = self._doors.any()
        while True:
            code = await self._visit(url)
            self.closings[code] += 1
            if self._moving:
                self._moving = False
                self.backoff.worked()
                url = self._doors.any()
            elif comes_back(code):
                await asyncio.sleep(self.backoff.next_s(code))
                url = self._doors.other_than(url)
            elif self._stubborn:
                await asyncio.sleep(self._doors.random.uniform(*STUBBORN_S))
                url = self._doors.any()
            else:
                return

    def move(self) -> None:
        """Lose the connection, and come by any door at once."""
        if self._socket is not None:
            self._moving = True
            self._socket.transport.abort()

    async def _visit(self, url: str) -> int:
        """Until the connection ends; its close code, 1006 without one."""
        self.dialed_ms = now_ms()
        try:
            async with connect(
                url.replace("http://", "ws://") + self._path,
                additional_headers=self._headers,
                subprotocols=["enroute.v1.json"],  # type: ignore[list-item]
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=15,
            ) as socket:
                await self.opened(socket)
                self._socket = socket
                async for text in socket:
                    self.heard(text)
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
            pass
        finally:
            socket_closed, self._socket = self._socket, None
        return (socket_closed.close_code if socket_closed is not None else None) or 1006

    async def opened(self, socket: ClientConnection) -> None:
        """The first words."""

    def heard(self, text: str | bytes) -> None:
        raise NotImplementedError
