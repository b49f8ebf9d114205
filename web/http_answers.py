"""Answers that are given before the application is asked: bytes of HTTP/1.1, with the body that all problems have."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

import msgspec


def status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode("ascii")


def answer_bytes(
    status: int,
    code: str,
    title: str,
    *,
    detail: str | None = None,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> bytes:
    """A whole answer. `code` is stable, `title` and `detail` are for people."""
    problem = {"type": "about:blank", "title": title, "status": status, "code": code}
    if detail:
        problem["detail"] = detail
    body = msgspec.json.encode(problem)
    parts = [status_line(status)]
    for name, value in (
        *headers,
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ):
        parts += (name, b": ", value, b"\r\n")
    return b"".join((*parts, b"\r\n", body))
