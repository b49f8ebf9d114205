"""One keep-alive connection to the server's HTTP API, within its limits."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any, Self

import msgspec


class Refused(RuntimeError):
    """The server answered with something else than 2xx."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what} answered {status}: {text[:300]}")
        self.status = status


class Answer(msgspec.Struct, frozen=True):
    body: Any
    cookies: dict[str, str]


class HttpClient:
    """`token` of a session goes along with every request. An answer 429 is waited out, as its Retry-After asks."""

    def __init__(self, port: int, *, token: str | None = None, timeout_s: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Raises Refused, or OSError when the connection failed; the next request then makes a new one."""
        while True:
            try:
                self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
                answer = self._connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise OSError(f"{method} {path}: {error!r}") from error
            if answer.status == 429:
                time.sleep(float(answer.headers.get("Retry-After", "1")))
                continue
            if answer.status // 100 != 2:
                raise Refused(f"{method} {path}", answer.status, text.decode(errors="replace"))
            cookies = {}
            for header in answer.headers.get_all("Set-Cookie", []):
                name, _, value = header.partition(";")[0].partition("=")
                cookies[name] = value
            return Answer(json.loads(text) if text else None, cookies)


def signed_in(port: int, *, email: str, password: str) -> tuple[str, str]:
    """(the token, its cookie as a header value)."""
    with HttpClient(port) as client:
        answer = client.ask("POST", "/api/session", {"email": email, "password": password, "token": True})
    (cookie,) = answer.cookies.items()
    return answer.body["token"], "=".join(cookie)
