"""[pure] Where Redis is, read from a URL without connecting:

redis://[user:pass@]host[:port][/db]                              one server (rediss:// with TLS)
unix://[user:pass@]/path/to/redis.sock[?db=1]                     one server on this machine
redis+sentinel://[user:pass@]host[:port],host[:port]/service[/db] the master that the Sentinels name
redis+cluster://[user:pass@]host[:port],host[:port]               a Redis Cluster (7 or newer)

rediss+sentinel:// and rediss+cluster:// are the same with TLS. `?` may add `ssl_ca_certs`, `ssl_certfile`,
`ssl_keyfile` (paths) and `ssl_check_hostname=false`; with Sentinels `sentinel_username` and `sentinel_password`.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl, unquote

import msgspec

from tracker.errors import ExchangeUrlError

Kind = Literal["server", "unix", "sentinel", "cluster"]

PORT = 6379
SENTINEL_PORT = 26379
DATABASES = 16384
LONGEST_URL = 4096

_KINDS: dict[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"})
_SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})


class Login(msgspec.Struct, frozen=True):
    """Never shows its password, whoever prints it."""

    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return "Login(…)" if self.username or self.password else "Login()"

    __str__ = __repr__


class Tls(msgspec.Struct, frozen=True):
    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    check_hostname: bool = True


class RedisPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that was read. `hosts` are (host, port) of the server, the Sentinels or some of the cluster's servers."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    login: Login = Login()
    sentinel_login: Login = Login()
    tls: Tls | None = None

    def __str__(self) -> str:
        """For logs: no login."""
        if self.kind == "unix":
            return f"unix://{self.path}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        scheme = ("rediss" if self.tls else "redis") + ("" if self.kind == "server" else f"+{self.kind}")
        return f"{scheme}://{hosts}" + (f"/{self.service}" if self.service else "")


def read_redis_url(url: str) -> RedisPlace:
    """Raises ExchangeUrlError, whose text says what is wrong and never repeats what may be a password."""
    if len(url) > LONGEST_URL:
        raise ExchangeUrlError(f"a Redis URL has at most {LONGEST_URL} characters")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ExchangeUrlError("a Redis URL has no spaces or control characters; write them as %20 and so on")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in _KINDS:
        raise ExchangeUrlError(f"a Redis URL begins with one of {', '.join(f'{name}://' for name in _KINDS)}")
    kind, with_tls = _KINDS[scheme.lower()]
    if "#" in rest:
        raise ExchangeUrlError("a Redis URL has no part after #; in a password write it as %23")
    # By hand, for urlsplit knows nothing of several hosts.
    body, _, query = rest.partition("?")
    netloc, slash, path = body.partition("/")
    path = unquote(slash + path)
    login_text, at, hosts_text = netloc.rpartition("@")
    login = _read_login(login_text) if at else Login()
    options = _read_options(query, kind=kind, with_tls=with_tls)
    place = RedisPlace(
        kind=kind,
        login=login,
        sentinel_login=Login(options.get("sentinel_username"), options.get("sentinel_password")),
        tls=_read_tls(options) if with_tls else None,
    )
    if kind == "unix":
        if hosts_text or len(path) < 2:
            raise ExchangeUrlError("unix:// needs the absolute path of a socket: unix:///run/redis/redis.sock")
        return msgspec.structs.replace(place, path=path, db=_read_db(options.get("db", "0")))
    hosts = _read_hosts(hosts_text, SENTINEL_PORT if kind == "sentinel" else PORT)
    if kind == "server" and len(hosts) > 1:
        raise ExchangeUrlError("redis:// has one host; several belong to redis+sentinel:// or redis+cluster://")
    segments = [segment for segment in path.split("/") if segment]
    service = ""
    if kind == "sentinel":
        if not segments:
            raise ExchangeUrlError(
                "redis+sentinel:// needs the name of the service: redis+sentinel://host:26379/mymaster"
            )
        service = segments.pop(0)
    if len(segments) > 1:
        raise ExchangeUrlError(f"the path of a {scheme.lower()}:// URL is too long")
    db = _read_db(options.get("db", segments[0] if segments else "0"))
    if kind == "cluster" and db:
        raise ExchangeUrlError("a Redis Cluster has only database 0")
    return msgspec.structs.replace(place, hosts=hosts, service=service, db=db)


def _read_login(text: str) -> Login:
    username, _, password = text.partition(":")
    if not password:
        raise ExchangeUrlError("before the @ stands user:password or :password; special characters are written as %40")
    return Login(unquote(username) or None, unquote(password))


def _read_hosts(text: str, default_port: int) -> tuple[tuple[str, int], ...]:
    hosts = []
    for entry in text.split(","):
        if entry.startswith("["):
            host, bracket, port_text = entry[1:].partition("]")
            is_wrong = not bracket or (port_text and not port_text.startswith(":"))
            port_text = port_text[1:]
        else:
            host, _, port_text = entry.partition(":")
            is_wrong = ":" in port_text
        if is_wrong or not host:
            # Not shown: a password with an unescaped @ or / would end up here.
            raise ExchangeUrlError("a host of the Redis URL is missing or not host:port (IPv6 as [::1]:6379)")
        if port_text and not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text[:6]) < 65536):
            raise ExchangeUrlError("a port of the Redis URL is no number from 1 to 65535")
        hosts.append((host, int(port_text) if port_text else default_port))
    return tuple(hosts)


def _read_options(query: str, *, kind: Kind, with_tls: bool) -> dict[str, str]:
    allowed = {"db"} if kind in ("server", "unix", "sentinel") else set()
    allowed |= _TLS_OPTIONS if with_tls else set()
    allowed |= _SENTINEL_OPTIONS if kind == "sentinel" else set()
    try:
        options = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=20)
    except ValueError:
        raise ExchangeUrlError("the part after ? of the Redis URL is not name=value&name=value") from None
    unknown = sorted({name for name, _ in options} - allowed)
    if unknown:
        may = ", ".join(sorted(allowed)) or "nothing"
        raise ExchangeUrlError(f"{len(unknown)} unknown option(s) after ? of the Redis URL; there may be: {may}")
    return dict(options)


def _read_tls(options: dict[str, str]) -> Tls:
    check = options.get("ssl_check_hostname", "true").lower()
    if check not in ("true", "false"):
        raise ExchangeUrlError("ssl_check_hostname is true or false")
    if options.get("ssl_keyfile") and not options.get("ssl_certfile"):
        raise ExchangeUrlError("ssl_keyfile needs ssl_certfile")
    return Tls(options.get("ssl_ca_certs"), options.get("ssl_certfile"), options.get("ssl_keyfile"), check == "true")


def _read_db(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) < DATABASES):
        raise ExchangeUrlError(f"the database of a Redis URL is a number from 0 to {DATABASES - 1}")
    return int(text)
