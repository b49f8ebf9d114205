"""One of the two processes of `redis-hop`: it sends as told on its standard input, and counts what it receives.

A line `send <node> <messages> <period_us>` makes it send so many messages in each period (none: it only wakes up),
`stop` ends that, `ticks <period_us>` makes it read what came in ticks of this length, as a worker does whose phones
are busy, `woken` whenever something comes, and `count` is answered with what was sent, received, in how many blobs, and
missed.
"""

from __future__ import annotations

import asyncio
import os

import uvloop

from tracker.guests import Guests
from tracker.redis_exchange import RedisExchange
from tracker.redis_line import ExchangeTiming

MESSAGE_BYTES = 270


class Party:
    def __init__(self, exchange: RedisExchange, guests: Guests) -> None:
        self.over = asyncio.Event()
        self._guests = guests
        self._tick_s = 0.0
        self._tick_due_s = 0.0
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._message = bytes(range(MESSAGE_BYTES % 256)) + bytes(MESSAGE_BYTES - MESSAGE_BYTES % 256)
        self._receiver = ""
        self._messages: int | None = None
        self._period_s = 0.0
        self._due_s = 0.0
        self._sent = self._received = 0

    def received(self, sender: str, message: bytes) -> None:
        self._received += 1

    def took_in(self) -> None:
        return None

    def joined(self, node_id: str) -> None:
        print("joined", node_id, flush=True)

    def missed(self, node_id: str) -> None:
        return None

    def left(self, node_id: str) -> None:
        return None

    def cut_off(self) -> None:
        return None

    def back(self, emptied: bool) -> None:
        return None

    def told(self) -> None:
        lines = os.read(0, 4096)
        if not lines:
            self.over.set()
        for line in lines.decode().splitlines():
            match line.split():
                case ["send", receiver, messages, period_us]:
                    self._receiver, self._messages = receiver, int(messages)
                    self._period_s, self._due_s = int(period_us) / 1e6, self._loop.time()
                    self._send()
                case ["stop"]:
                    self._messages = None
                case ["ticks", period_us]:
                    self._guests.step(self._loop, in_step=True)
                    self._tick_s, self._tick_due_s = int(period_us) / 1e6, self._loop.time()
                    self._tick()
                case ["woken"]:
                    self._tick_s = 0.0
                    self._guests.step(self._loop, in_step=False)
                case ["count"]:
                    counters = self._exchange.counters()
                    print("count", self._sent, self._received, counters.sent_blobs, counters.missed, flush=True)

    def _tick(self) -> None:
        if not self._tick_s:
            return
        if self._guests.keep(self._loop.time()):
            self._loop.call_soon(self._tick)
            return
        self._tick_due_s += self._tick_s
        self._loop.call_at(self._tick_due_s, self._tick)

    def _send(self) -> None:
        if self._messages is None:
            return
        for _ in range(self._messages):
            self._exchange.send(self._receiver, self._message)
        self._sent += self._messages
        self._due_s += self._period_s
        self._loop.call_at(self._due_s, self._send)


async def take_part(url: str) -> None:
    # Without a tick, what is sent in one period is one blob, and the size of blobs is ours to choose.
    exchange = RedisExchange(url, name="benchmark", timing=ExchangeTiming(tick_s=0.0))
    guests = Guests()
    party = Party(exchange, guests)
    await exchange.start(party, guests)
    print("ready", exchange.node_id, flush=True)
    asyncio.get_running_loop().add_reader(0, party.told)
    await party.over.wait()
    await exchange.stop()


def main(url: str) -> None:
    uvloop.run(take_part(url))
