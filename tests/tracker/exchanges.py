"""Members of an exchange that write down what they are told, and exchanges with short times."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from tests.redis_servers import RedisServer
from tracker.guests import Guests
from tracker.redis_exchange import RedisExchange
from tracker.redis_line import ExchangeTiming
from tracker.redis_scripts import ScriptSocket

WITHIN_S = 20.0
# A fifth of the usual times: what takes seconds in an installation takes moments in a test.
QUICK = ExchangeTiming(lease_s=0.9, renew_s=0.2, silence_s=0.8, cut_off_s=0.3, timeout_s=0.5, retry_s=0.2, grace_s=0.8)
# Asks as often, and takes nobody for dead or away because the machine stood still for a moment: for tests in which
# nobody is.
CALM = msgspec.structs.replace(QUICK, lease_s=30.0, silence_s=30.0, cut_off_s=30.0, timeout_s=10.0)

Event = tuple[Any, ...]


class Listener:
    """`events` are (what, …) in the order of being told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._told = asyncio.Event()

    def received(self, sender: str, message: bytes) -> None:
        self._write("received", sender, message)

    def took_in(self) -> None:
        return None

    def joined(self, node_id: str) -> None:
        self._write("joined", node_id)

    def missed(self, node_id: str) -> None:
        self._write("missed", node_id)

    def left(self, node_id: str) -> None:
        self._write("left", node_id)

    def cut_off(self) -> None:
        self._write("cut_off")

    def back(self, emptied: bool) -> None:
        self._write("back", emptied)

    def messages(self) -> list[bytes]:
        return [event[2] for event in self.events if event[0] == "received"]

    def news(self) -> list[Event]:
        """All but messages."""
        return [event for event in self.events if event[0] != "received"]

    async def hears(self, *event: Any) -> None:
        """Waits until it has been told."""
        await self.until(lambda: event in self.events, f"to hear {event}")

    async def until(self, holds: Callable[[], bool], what: str = "") -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not holds():
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            raise AssertionError(f"waited {what}; was told {self.news()}") from None

    def _write(self, *event: Any) -> None:
        self.events.append(event)
        self._told.set()


@contextlib.asynccontextmanager
async def exchange_on(
    url: str, *, guests: Guests | None = None, **options: Any
) -> AsyncIterator[tuple[RedisExchange, Listener]]:
    """One process of an installation, started; stopped at the end. Calm, unless another timing is given. Without
    `guests` given it has some that never are in step."""
    exchange = RedisExchange(url, **({"timing": CALM} | options))
    listener = Listener()
    await exchange.start(listener, guests or Guests())
    try:
        yield exchange, listener
    finally:
        await exchange.stop()


@contextlib.asynccontextmanager
async def script_socket(server: RedisServer, *, timeout_s: float = 10.0) -> AsyncIterator[ScriptSocket]:
    """Ready to run scripts."""
    socket: ScriptSocket
    _, socket = await asyncio.get_running_loop().create_connection(
        lambda: ScriptSocket(lambda _: None, timeout_s=timeout_s), "127.0.0.1", server.port
    )
    try:
        yield socket
    finally:
        await socket.close()


class Two:
    """Two processes that know each other: `a` and `b`, and what each was told."""

    def __init__(self, a: RedisExchange, b: RedisExchange, told_a: Listener, told_b: Listener) -> None:
        self.a, self.b = a, b
        self.told_a, self.told_b = told_a, told_b


@contextlib.asynccontextmanager
async def two_on(url: str, **options: Any) -> AsyncIterator[Two]:
    async with exchange_on(url, **options) as (a, told_a), exchange_on(url, **options) as (b, told_b):
        await told_a.hears("joined", b.node_id)
        await told_b.hears("joined", a.node_id)
        yield Two(a, b, told_a, told_b)


async def send_all(two: Two, messages: Sequence[bytes]) -> None:
    """From `a`, some to `b` alone and some to everybody, faster than they can go out one by one."""
    for number, message in enumerate(messages):
        if number % 7 == 0:
            two.a.broadcast(message)
        else:
            two.a.send(two.b.node_id, message)
        if number % 100 == 0:
            await asyncio.sleep(0)


async def heard_from_each_other(two: Two, word: bytes) -> None:
    """A message has arrived in both directions."""
    two.a.send(two.b.node_id, word)
    two.b.send(two.a.node_id, word)
    await two.told_b.hears("received", two.a.node_id, word)
    await two.told_a.hears("received", two.b.node_id, word)


async def heard_from_each_other_again(two: Two, word: bytes) -> None:
    """A message has arrived in both directions. What one sends before both have their lease again is lost, and said
    to be: so it is sent until it is heard."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            two.a.send(two.b.node_id, word)
            two.b.send(two.a.node_id, word)
            heard = ("received", two.a.node_id, word) in two.told_b.events
            if heard and ("received", two.b.node_id, word) in two.told_a.events:
                return
            await asyncio.sleep(0.05)
