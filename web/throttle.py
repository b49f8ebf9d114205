"""Rate limits per key, bounded in memory. The caller brings `now_s`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Protocol

import msgspec


class Throttle:
    """Token buckets: `burst` takes at once, then one more every `refill_s` seconds.

    At most `max_keys` buckets are kept; the one that was touched longest ago goes first. A forgotten bucket is a full
    one, so a flood of new keys can only be as harmful as no limit on old keys: combine it with a limit per address.
    """

    def __init__(self, *, burst: int, refill_s: float, max_keys: int = 10_000) -> None:
        self.burst = burst
        self.refill_s = refill_s
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        """Seconds until a take would succeed; 0 when it would now. Takes nothing."""
        level = self._level(key, now_s)
        return 0.0 if level >= 1 else (1 - level) * self.refill_s

    def take(self, key: str, now_s: float) -> float:
        """0 and one token less, or the seconds to wait and nothing taken."""
        wait = self.wait_s(key, now_s)
        if wait == 0:
            self._store(key, self._level(key, now_s) - 1, now_s)
        return wait

    def give_back(self, key: str, now_s: float) -> None:
        """Undo one take: the try was a good one."""
        if key in self._buckets:
            self._store(key, min(self.burst, self._level(key, now_s) + 1), now_s)

    def _level(self, key: str, now_s: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self.burst
        level, at_s = bucket
        return min(self.burst, level + max(0.0, now_s - at_s) / self.refill_s)

    def _store(self, key: str, level: float, now_s: float) -> None:
        self._buckets[key] = (level, now_s)
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)

    def __len__(self) -> int:
        return len(self._buckets)


def address_key(host: str | None) -> str:
    """The part of a network address that one customer of a provider holds: an IPv6 /64, an IPv4 address."""
    if host is None:
        return "unknown"
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return address.exploded[:19]
    return str(address)


class Bucket(msgspec.Struct, frozen=True):
    """One limit for one key, as processes that share it must name it."""

    limit: str
    key: str
    burst: int
    refill_s: float


class SharedBuckets(Protocol):
    """The same buckets for all processes of an installation. Both calls wait for a fraction of a second at most."""

    async def take(self, buckets: Sequence[Bucket]) -> float | None:
        """0 and one token less in each; or the seconds to wait and nothing taken; None when nobody can say now."""

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        """Undo one take. Nothing happens when nobody can be asked."""


@dataclass
class Limits:
    """`wait_s`, `take` and `give_back` by the names of the limits: `await limits.take(now_s, reset_email=email)`.

    Each process keeps its own buckets, and says no by itself when they are empty. Where there are several processes,
    what they allow is asked for once more in the `shared` ones; while those cannot be asked, each process is on its own
    and the sum is still small.
    """

    # Wrong passwords: ten for one e-mail, then one a minute; thirty for one address, then one in ten seconds.
    sign_in_email: Throttle = field(default_factory=lambda: Throttle(burst=10, refill_s=60))
    sign_in_address: Throttle = field(default_factory=lambda: Throttle(burst=30, refill_s=10))
    # Reset mails: nobody needs more than three an hour.
    reset_email: Throttle = field(default_factory=lambda: Throttle(burst=3, refill_s=1200))
    reset_address: Throttle = field(default_factory=lambda: Throttle(burst=20, refill_s=60))
    # Wrong invitation codes, reset tokens and link tokens. They cannot be guessed; trying costs us a query.
    wrong_tokens: Throttle = field(default_factory=lambda: Throttle(burst=30, refill_s=10))
    # Everything under /api, per person or per address: far above what a page does, far below what hurts. A thousand
    # people behind one address may sign in within ten seconds, which is as fast as their passwords can be checked.
    # Never shared: it guards the work of this process, and a question for each request would be more of it.
    requests: Throttle = field(default_factory=lambda: Throttle(burst=600, refill_s=0.02))
    shared: SharedBuckets | None = None

    def wait_s(self, now_s: float, **keys: str) -> float:
        """Seconds until this process would allow it; 0 when it would now. Takes nothing."""
        return max(self._throttle(name).wait_s(key, now_s) for name, key in keys.items())

    async def take(self, now_s: float, **keys: str) -> float:
        """0 and one token less for each key, or the seconds to wait and nothing taken."""
        if wait_s := self.wait_s(now_s, **keys):
            return wait_s
        for name, key in keys.items():
            self._throttle(name).take(key, now_s)
        if self.shared is None:
            return 0.0
        wait_s = await self.shared.take(self._buckets(keys)) or 0.0
        if wait_s:
            self._give_back_here(now_s, keys)
        return wait_s

    async def give_back(self, now_s: float, **keys: str) -> None:
        """Undo one take: the try was a good one."""
        self._give_back_here(now_s, keys)
        if self.shared is not None:
            await self.shared.give_back(self._buckets(keys))

    def _give_back_here(self, now_s: float, keys: Mapping[str, str]) -> None:
        for name, key in keys.items():
            self._throttle(name).give_back(key, now_s)

    def _throttle(self, name: str) -> Throttle:
        throttle: Throttle = getattr(self, name)
        return throttle

    def _buckets(self, keys: Mapping[str, str]) -> list[Bucket]:
        return [
            Bucket(name, key, self._throttle(name).burst, self._throttle(name).refill_s) for name, key in keys.items()
        ]
