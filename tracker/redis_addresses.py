"""Finds the one server that holds this installation's keys, and connects to it.

A master behind Sentinels and a server of a cluster change; they are looked up anew for each connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import RedisError

from tracker.errors import ExchangeAway, ExchangeUrlError
from tracker.redis_urls import Login, RedisPlace, Tls

SocketType = TypeVar("SocketType", bound=asyncio.Protocol)


class Address(msgspec.Struct, frozen=True):
    """Of one server: a host and a port, or the path of a socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


class RedisAddresses:
    """`key` is any key of the installation: in a cluster its place is where all of them are. Times in seconds. Raises
    ExchangeUrlError when its certificates cannot be read."""

    def __init__(self, place: RedisPlace, *, key: str, timeout_s: float) -> None:
        self._place = place
        self._timeout_s = timeout_s
        self._slot = key_slot(key.encode())
        self._known = list(place.hosts)
        self._tls_context = _tls_context(place.tls) if place.tls else None
        self._sentinel: Sentinel | None = None

    @property
    def may_move(self) -> bool:
        """Whether the server may be another one without the old one saying so."""
        return self._place.kind == "sentinel"

    async def find(self) -> Address:
        """Raises ExchangeAway."""
        if self._place.kind == "unix":
            return Address(path=self._place.path)
        if self._place.kind == "server":
            return Address(*self._place.hosts[0])
        try:
            return await (self._ask_sentinels() if self._place.kind == "sentinel" else self._ask_cluster())
        except (RedisError, OSError) as error:
            raise ExchangeAway(f"{self._place} names no server: {type(error).__name__}: {error}"[:500]) from None

    def client(self, address: Address, *, connections: int) -> Redis:
        """For commands. It tries nothing twice: when to try again is decided by who knows what is at stake."""
        return Redis.from_pool(self._pool(address, self._place.login, db=self._place.db, connections=connections))

    async def connect(self, address: Address, factory: Callable[[], SocketType]) -> SocketType:
        """A bare connection, not yet logged in. Raises OSError and TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout_s):
            if address.path:
                _, protocol = await loop.create_unix_connection(factory, address.path)
            else:
                _, protocol = await loop.create_connection(factory, address.host, address.port, ssl=self._tls_context)
        return protocol

    async def close(self) -> None:
        if self._sentinel is not None:
            for client in self._sentinel.sentinels:
                with contextlib.suppress(RedisError, OSError):
                    await client.aclose()
            self._sentinel = None

    def _pool(self, address: Address, login: Login, *, db: int, connections: int) -> BlockingConnectionPool:
        options: dict[str, Any] = {
            "db": db,
            "username": login.username,
            "password": login.password,
            "socket_timeout": self._timeout_s,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
            "max_connections": connections,
            "timeout": self._timeout_s,
        }
        if address.path:
            return BlockingConnectionPool(connection_class=UnixDomainSocketConnection, path=address.path, **options)
        options |= {"host": address.host, "port": address.port, "socket_connect_timeout": self._timeout_s}
        tls = self._place.tls
        if tls is None:
            return BlockingConnectionPool(connection_class=Connection, **options)
        return BlockingConnectionPool(
            connection_class=SSLConnection,
            ssl_ca_certs=tls.ca_certs,
            ssl_certfile=tls.certfile,
            ssl_keyfile=tls.keyfile,
            ssl_check_hostname=tls.check_hostname,
            **options,
        )

    async def _ask_sentinels(self) -> Address:
        if self._sentinel is None:
            self._sentinel = Sentinel([], sentinel_kwargs={})  # type: ignore[no-untyped-call]
            self._sentinel.sentinels = [
                Redis.from_pool(self._pool(Address(host, port), self._place.sentinel_login, db=0, connections=1))
                for host, port in self._place.hosts
            ]
        host, port = await self._sentinel.discover_master(self._place.service)
        return Address(str(host), int(port))

    async def _ask_cluster(self) -> Address:
        last: Exception | None = None
        for host, port in list(self._known):
            client = Redis.from_pool(self._pool(Address(host, port), self._place.login, db=0, connections=1))
            try:
                ranges = await client.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
            except (RedisError, OSError) as error:
                last = error
                continue
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await client.aclose()
            return self._read_slots(ranges, asked=host)
        raise last or ExchangeAway("no server of the cluster is known")

    def _read_slots(self, ranges: Any, *, asked: str) -> Address:
        """An empty host in the answer is the one that was asked."""
        found = None
        masters = []
        for first, last, master, *_ in ranges:
            place = ((master[0] or b"").decode() or asked, int(master[1]))
            masters.append(place)
            if first <= self._slot <= last:
                found = place
        # Those of the URL may all be gone one day; whoever was seen since is asked first.
        self._known = list(dict.fromkeys([*masters, *self._place.hosts]))[:64]
        if found is None:
            raise ExchangeAway("the cluster has no server for our keys now")
        return Address(*found)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_certs)
        context.check_hostname = tls.check_hostname
        if tls.certfile:
            context.load_cert_chain(tls.certfile, tls.keyfile)
    except OSError as error:
        raise ExchangeUrlError(f"a certificate or key of the Redis URL cannot be read: {error}") from None
    return context
