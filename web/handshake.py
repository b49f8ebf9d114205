"""RFC 6455's opening handshake, decided from headers that were parsed already.

Handshakes as browsers and libraries send them are recognized at a glance; whatever looks different in any way is
judged by the websockets library, whose checks and words those are.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

RawHeaders = Sequence[tuple[bytes, bytes]]

VERSION = b"13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONNECTION = frozenset({b"upgrade", b"keep-alive, upgrade"})
# Sixteen bytes in base64, the only spelling an encoder gives them.
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
_TOKENS = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*")
_NEEDED = frozenset({b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version"})
_ONCE = _NEEDED | {b"origin"}


class Acceptance(msgspec.Struct, frozen=True):
    """The handshake is in order: what to answer in `Sec-WebSocket-Accept`, and the subprotocols that were offered."""

    accept: bytes
    subprotocols: list[str]


class Refusal(msgspec.Struct, frozen=True):
    """It is not: the status and the sentence that says why, with the headers that belong to them."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


def judge(*, method: bytes, http_version: str, target: bytes, headers: RawHeaders) -> Acceptance | Refusal:
    """What to answer to a request to upgrade. Header names are in lower case. No extension is ever agreed to."""
    key = version = None
    offered: list[bytes] = []
    seen: set[bytes] = set()
    plain = method == b"GET" and http_version == "1.1"
    for name, value in headers:
        if name in _ONCE:
            if name in seen:
                plain = False
            seen.add(name)
            if name == b"sec-websocket-key":
                key = value
            elif name == b"sec-websocket-version":
                version = value
            elif name == b"connection":
                plain = plain and value.lower() in _CONNECTION
            elif name == b"upgrade":
                plain = plain and value.lower() == b"websocket"
        elif name == b"sec-websocket-protocol":
            plain = plain and _TOKENS.fullmatch(value) is not None
            offered.append(value)
    if plain and version == VERSION and key is not None and seen >= _NEEDED and _KEY.fullmatch(key):
        return Acceptance(accept_of(key), _tokens(offered))
    return _judge_at_length(method, http_version, target, headers, version)


def accept_of(key: bytes) -> bytes:
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def _tokens(values: list[bytes]) -> list[str]:
    tokens = (token.strip() for value in values for token in value.decode("ascii").split(","))
    return [token for token in tokens if token]


def _judge_at_length(
    method: bytes, http_version: str, target: bytes, headers: RawHeaders, version: bytes | None
) -> Acceptance | Refusal:
    request = Request(
        path=target.decode("latin-1"),
        headers=Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers),
        method=method.decode("latin-1"),
        protocol=f"HTTP/{http_version}",
    )
    server = ServerProtocol()
    response = server.accept(request)
    if response.status_code == 101:
        offered = [value for name, value in headers if name == b"sec-websocket-protocol"]
        return Acceptance(response.headers["Sec-WebSocket-Accept"].encode("ascii"), _tokens(offered))
    status, detail = response.status_code, bytes(response.body).decode().strip()
    extra = [
        (name.lower().encode("ascii"), value.encode("latin-1"))
        for name, value in response.headers.raw_items()
        if name.lower() in ("allow", "upgrade")
    ]
    if status in (400, 426):
        # RFC 6455 section 4.4: a client of another version learns which one is spoken here.
        extra.append((b"sec-websocket-version", VERSION))
        if status == 400 and version is not None and version != VERSION:
            status = 426
            extra.append((b"upgrade", b"websocket"))
    return Refusal(status, detail, tuple(extra))
