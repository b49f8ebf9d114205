"""A dispatcher or customer who keeps asking while servers die."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.servers import PASSWORD
from tests.web.processes.roaming import Doors
from web.auth import SESSION_COOKIE

ANSWER_WITHIN_S = 30.0


class Desk:
    """Somebody signed in, at whichever server answers."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._client = httpx.AsyncClient(timeout=ANSWER_WITHIN_S)
        self.dead: str | None = None

    @classmethod
    async def sign_in(cls, doors: Doors, email: str) -> Desk:
        desk = cls(doors)
        await desk.ask("POST", "/api/session", {"email": email, "password": PASSWORD})
        # The cookie is for whichever port.
        desk._client.headers["Cookie"] = f"{SESSION_COOKIE}={desk.cookie}"
        return desk

    @property
    def cookie(self) -> str:
        return self._client.cookies[SESSION_COOKIE]

    async def ask(self, method: str, path: str, body: Any = None, *, done: int | None = None) -> Any:
        """The answer's JSON. Asked again where the connection breaks; ``done``: the status that says that an attempt
        without an answer had succeeded, which returns None."""
        broken = False
        while True:
            url = self._doors.any() if self.dead is None else self._doors.other_than(self.dead)
            try:
                answer = await self._client.request(method, url + path, json=body)
            except httpx.TransportError:
                broken = True
                await asyncio.sleep(0.05)
                continue
            if broken and answer.status_code == done:
                return None
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
            return answer.json() if answer.content else {}

    async def close(self) -> None:
        await self._client.aclose()
