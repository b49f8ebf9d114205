"""Listening sockets: made once, before anything that takes time, and handed to who serves on them."""

from __future__ import annotations

import ipaddress
import secrets
import socket

from web.config import Settings

# A reader that takes nothing for this long is gone: phones in tunnels never say goodbye.
TCP_USER_TIMEOUT_MS = 30_000
BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections inherit the timeouts. OSError when the address cannot be had."""
    listener = _bound(host, port, shared=False)
    _open(listener)
    return listener


def listen_together(host: str, port: int, *, count: int) -> list[socket.socket]:
    """So many listening sockets on one address; the system spreads new connections evenly over them, and each has a
    queue of its own. OSError when the address cannot be had, also when another server shares it in the same way."""
    # The system lets a second installation join in silently; a socket that does not share finds it out.
    _bound(host, port, shared=False).close()
    listeners: list[socket.socket] = []
    try:
        for _ in range(count):
            listeners.append(_bound(host, port, shared=True))
            port = listeners[0].getsockname()[1]
        # Only now: who connects between the first and the last would all meet at the first.
        for listener in listeners:
            _open(listener)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def listen_for_scrapes(count: int) -> list[socket.socket]:
    """One for each worker, in the abstract namespace: no file is left behind. See `web.scrapes`."""
    name = f"\0enroute-metrics-{secrets.token_hex(8)}-"
    listeners = []
    for number in range(1, count + 1):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(f"{name}{number}")
        listener.listen(16)
        listener.setblocking(False)
        listeners.append(listener)
    return listeners


def shown_url(settings: Settings, listener: socket.socket) -> str:
    """The address to print: where people reach it, with the real port."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if _is_ipv6(host) else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _open(listener: socket.socket) -> None:
    try:
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
