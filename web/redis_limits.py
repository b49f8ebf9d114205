"""The limits that all processes of an installation share: token buckets in Redis, each taken from in one round trip.

A bucket is one number, the instant at which it would be full again, by the clock of Redis; it goes by itself then.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tracker.errors import ExchangeAway
from tracker.redis_addresses import RedisAddresses
from tracker.redis_names import RedisNames
from tracker.redis_urls import read_redis_url
from web.throttle import Bucket

WITHIN_S = 0.3
"""Who signs in does not wait longer for Redis than for their password to be checked."""
AWAY_S = 1.0
"""After a failure one in a second tries again; everybody else is judged by this process alone."""
CONNECTIONS = 4

# All buckets or none. KEYS: one bucket each; ARGV: "take" or "give", then burst and refill in ms for each of them.
_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local full_at, wait = {}, 0
for i, key in ipairs(KEYS) do
    local refill = tonumber(ARGV[2 * i + 1])
    full_at[i] = math.max(tonumber(redis.call('GET', key) or 0) or 0, now)
    wait = math.max(wait, full_at[i] - now - (tonumber(ARGV[2 * i]) - 1) * refill)
end
local change = 1
if ARGV[1] == 'give' then
    change = -1
elseif wait > 0 then
    return wait
end
for i, key in ipairs(KEYS) do
    local at = full_at[i] + change * tonumber(ARGV[2 * i + 1])
    if at > now then
        redis.call('SET', key, string.format('%.0f', at), 'PX', string.format('%.0f', at - now))
    else
        redis.call('DEL', key)
    end
end
return 0
"""

log = logging.getLogger("enroute.limits")


class RedisBuckets:
    """`web.throttle.SharedBuckets` in the Redis of this URL, which is looked for again after every failure: the master
    may be another one by then. ExchangeUrlError for a URL that makes no sense. `close` it at the end."""

    def __init__(self, url: str, *, installation: str = "enroute") -> None:
        # One hash tag: a cluster keeps all of them on one server, where a script may use two together.
        tag = RedisNames(installation).tag
        self._prefix = f"{tag}:limit:"
        self._addresses = RedisAddresses(read_redis_url(url), key=tag, timeout_s=WITHIN_S)
        self._client: Redis | None = None
        self._is_away = False
        self._try_at_s = 0.0
        self._closing: set[asyncio.Task[None]] = set()

    async def take(self, buckets: Sequence[Bucket]) -> float | None:
        wait_ms = await self._run("take", buckets)
        return None if wait_ms is None else wait_ms / 1000

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        await self._run("give", buckets)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _close(client)
        await asyncio.gather(*self._closing)
        await self._addresses.close()

    async def _run(self, verb: str, buckets: Sequence[Bucket]) -> int | None:
        loop = asyncio.get_running_loop()
        if self._is_away:
            if loop.time() < self._try_at_s:
                return None
            self._try_at_s = loop.time() + AWAY_S
        keys = [self._key(bucket) for bucket in buckets]
        numbers = [number for bucket in buckets for number in (bucket.burst, round(bucket.refill_s * 1000))]
        client = self._client
        try:
            async with asyncio.timeout(WITHIN_S):
                if client is None:
                    address = await self._addresses.find()
                    # Another one may have been as fast.
                    client = self._client = self._client or self._addresses.client(address, connections=CONNECTIONS)
                answer = await client.register_script(_SCRIPT)(keys, [verb, *numbers])
        except (ExchangeAway, RedisError, OSError, TimeoutError) as error:
            self._failed(error, client)
            return None
        if self._is_away:
            self._is_away = False
            log.info("limits hold over all processes again")
        return int(answer)

    def _failed(self, error: Exception, client: Redis | None) -> None:
        if not self._is_away:
            # Never the error's own words: they may name the server with its password.
            log.warning("limits hold for this process alone, Redis does not answer: %s", type(error).__name__)
        self._is_away = True
        loop = asyncio.get_running_loop()
        self._try_at_s = loop.time() + AWAY_S
        if client is not None and client is self._client:
            self._client = None
            task = loop.create_task(_close(client))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _key(self, bucket: Bucket) -> str:
        """Nobody who looks into Redis reads e-mail addresses there."""
        digest = hashlib.sha256(bucket.key.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{self._prefix}{bucket.limit}:{digest[:32]}"


async def _close(client: Redis) -> None:
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(WITHIN_S):
            await client.aclose()
