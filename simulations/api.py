"""The server as one signed-in person sees it over HTTP."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from simulations.http_client import HttpClient, HttpResponse

Json = dict[str, Any]

PATIENCE = 4  # how often a request is made when the server says "later" and when
LONGEST_WAIT_S = 30
TIMEOUT_S = 120.0  # an import checks and hashes for everybody in it


class RefusedError(Exception):
    """The server said no. ``code`` is the problem's stable name, or ``http_<status>`` where it has none."""

    def __init__(self, *, request: str, status: int, code: str, detail: str, problem: Json) -> None:
        super().__init__(request, status, code, detail)
        self.request, self.status, self.code, self.detail = request, status, code, detail
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.request} → {self.status} {self.code}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    etag: str | None


class Api:
    """JSON requests to ``base_url``, after :meth:`sign_in` in that person's name. You owe :meth:`close`."""

    def __init__(self, base_url: str, *, token: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        self._http = HttpClient(self.base_url, timeout_s=TIMEOUT_S)

    async def sign_in(self, email: str, password: str) -> Json:
        """Take a session token, not a cookie: a simulated person is no browser."""
        answer = await self.post("/api/session", {"email": email, "password": password, "token": True})
        self.token = answer.body["token"]
        return answer.body

    async def get(self, path: str, **query: str) -> Answer:
        return await self._send("GET", path + (f"?{urlencode(query)}" if query else ""))

    async def post(self, path: str, body: object = None, *, headers: dict[str, str] | None = None) -> Answer:
        return await self._send("POST", path, {} if body is None else body, headers)

    async def close(self) -> None:
        await self._http.close()

    def websocket_url(self, path: str) -> str:
        parts = urlsplit(self.base_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"

    async def _send(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        fields = dict(headers or {})
        if self.token:
            fields["Authorization"] = f"Bearer {self.token}"
        content = b""
        if body is not None:
            fields["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        for _ in range(PATIENCE):
            response = await self._http.request(method, path, headers=fields, body=content)
            if response.status not in (429, 503) or not (wait := response.headers.get("retry-after", "")).isdecimal():
                break
            await asyncio.sleep(min(int(wait), LONGEST_WAIT_S))
        if response.status >= 400:
            raise _refusal(f"{method} {path.partition('?')[0]}", response)
        return Answer(response.status, _json(response), response.headers.get("etag"))


def bearer_subprotocol(token: str) -> str:
    """The token as a websocket subprotocol, for clients that cannot set headers."""
    return "bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _json(response: HttpResponse) -> Json:
    if not response.body or "json" not in response.headers.get("content-type", ""):
        return {}
    body = msgspec.json.decode(response.body)
    return body if isinstance(body, dict) else {"items": body}


def _refusal(request: str, response: HttpResponse) -> RefusedError:
    problem = _json(response)
    return RefusedError(
        request=request,
        status=response.status,
        code=str(problem.get("code") or f"http_{response.status}"),
        detail=str(problem.get("detail") or problem.get("title") or ""),
        problem=problem,
    )
