"""One connection of a process to Redis: its sockets, to one address, which live and die together.

The lease and the states that are kept once a second have a socket of their own, so that no load delays it; so have what
is published, what is subscribed to, and the commands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tracker.errors import ExchangeAway
from tracker.guests import Guests
from tracker.redis_addresses import Address, RedisAddresses
from tracker.redis_names import EVERYBODY, RedisNames
from tracker.redis_scripts import ScriptSocket
from tracker.redis_sockets import Publisher, RedisSocket, Subscriber
from tracker.redis_urls import RedisPlace

COMMAND_CONNECTIONS = 4


class RedisSession:
    """Open when `lost` is not done; its result is the reason. The subscriptions hold from the beginning."""

    def __init__(
        self, address: Address, subscriber: Subscriber, publisher: Publisher, scripts: ScriptSocket, commands: Redis
    ) -> None:
        self.address = address
        self.publisher = publisher
        self.scripts = scripts
        self.commands = commands
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._subscriber = subscriber

    def fail(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)

    async def close(self, *, within_s: float = 0.0) -> None:
        """`within_s`: how long what was published last may take to go out."""
        self._subscriber.abort()
        if within_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.publisher.close(), within_s)
        self.publisher.abort()
        self.scripts.abort()
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await asyncio.wait_for(self.commands.connection_pool.disconnect(), 1.0)


async def open_session(
    place: RedisPlace,
    addresses: RedisAddresses,
    names: RedisNames,
    node_id: str,
    *,
    on_message: Callable[[bytes, bytes], None],
    on_drained: Callable[[], None],
    timeout_s: float,
    guests: Guests | None = None,
) -> RedisSession:
    """What is published to us is read as one of these `guests`, if they are given. Raises ExchangeAway."""
    sharded = "S" if place.kind == "cluster" else ""
    sockets: list[RedisSocket] = []
    reasons: list[str] = []
    opened: list[RedisSession] = []

    def lost(reason: str) -> None:
        if opened:
            opened[0].fail(reason)
        else:
            reasons.append(reason)

    try:
        address = await addresses.find()
        subscriber = await addresses.connect(address, lambda: Subscriber(lost, on_message))
        sockets.append(subscriber)
        publisher = await addresses.connect(address, lambda: Publisher(lost, on_drained))
        sockets.append(publisher)
        scripts = await addresses.connect(address, lambda: ScriptSocket(lost, timeout_s=timeout_s))
        sockets.append(scripts)
        own = names.channel(node_id)
        async with asyncio.timeout(timeout_s):
            await subscriber.begin(place.login, verb=f"{sharded}SUBSCRIBE", channels=[own, names.channel(EVERYBODY)])
            # Nobody listens for an empty message; whether we may publish is seen all the same.
            await publisher.begin(place.login, first=[f"{sharded}PUBLISH".encode(), own, b""])
            await scripts.begin(place.login, db=place.db)
        if reasons:
            raise ExchangeAway(reasons[0])
        if guests is not None:
            subscriber.keep_step(guests)
    except BaseException as error:
        for socket in sockets:
            socket.abort()
        if isinstance(error, OSError | TimeoutError):
            detail = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise ExchangeAway(f"{place}: {detail}"[:500]) from None
        raise
    session = RedisSession(
        address,
        subscriber,
        publisher,
        scripts,
        addresses.client(address, connections=COMMAND_CONNECTIONS),
    )
    opened.append(session)
    return session
