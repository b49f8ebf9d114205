"""Where a map may come from beside this server: what an operator may name, what pages are allowed to ask. [pure]"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# What may stand in a content security policy without ending its directive; other scripts are written as xn--….
_ORIGIN = re.compile(r"(https?)://((\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


class MapPlaceError(ValueError):
    """Not a place that pages could be allowed to ask."""


def origin_of(url: str) -> str:
    """`https://host:port` of an absolute URL. Raises MapPlaceError."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is never closed
        parts = urlsplit("")
    origin = f"{parts.scheme}://{parts.netloc}"
    if not _ORIGIN.fullmatch(origin):
        raise MapPlaceError(f"{url!r} is no address of another host, such as https://tiles.example.com")
    return origin


def read_hosts(text: str) -> tuple[str, ...]:
    """Origins of hosts parted by spaces or commas: with a scheme, or https is meant. Raises MapPlaceError."""
    hosts = [entry if "://" in entry else f"https://{entry}" for entry in re.split(r"[\s,]+", text) if entry]
    for host in hosts:
        if host != origin_of(host):
            raise MapPlaceError(f"{host!r} is more than a host such as https://tiles.example.com")
    return tuple(hosts)


def allowed_origins(*, style_url: str | None, tiles_url: str | None, hosts: str | None) -> tuple[str, ...]:
    """Every origin that a map asks, each once. A style of this server itself adds none. Raises MapPlaceError."""
    urls = [url for url in (style_url, tiles_url) if url and "//" in url]
    return tuple(dict.fromkeys([*map(origin_of, urls), *read_hosts(hosts or "")]))
