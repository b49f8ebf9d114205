"""Scripts and commands on Redis, with one error for all that may go wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from tracker.errors import ExchangeAway
from tracker.redis_sockets import RedisSocket, Refused
from tracker.redis_urls import Login


class ScriptSocket(RedisSocket):
    """For the scripts of every second. A client library that slept in between takes milliseconds to ask one."""

    def __init__(self, on_lost: Callable[[str], None], *, timeout_s: float) -> None:
        super().__init__(on_lost)
        self._timeout_s = timeout_s

    async def begin(self, login: Login, *, db: int) -> None:
        """Raises ExchangeAway."""
        await self.log_in(login)
        if db:
            await self.ask("SELECT", str(db))

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[bytes | str | int]) -> Any:
        """By its hash; Redis is given the text when it does not know it. Raises ExchangeAway, also when there is no
        answer in time."""
        words = [each if isinstance(each, bytes) else str(each) for each in (len(keys), *keys, *arguments)]
        try:
            async with asyncio.timeout(self._timeout_s):
                try:
                    return await self.ask("EVALSHA", _hash(script), *words)
                except Refused as refused:
                    if "NOSCRIPT" not in str(refused):
                        raise
                    return await self.ask("EVAL", script, *words)
        except TimeoutError:
            raise ExchangeAway("no answer in time") from None


async def run_script(client: Redis, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """By its hash; Redis is given the text when it does not know it. Raises ExchangeAway."""
    return await answer_of(AsyncScript(client, script)(keys=keys, args=arguments))


async def answer_of(asked: Awaitable[Any]) -> Any:
    """Raises ExchangeAway when Redis cannot be reached, does not answer in time, or refuses."""
    try:
        return await asked
    except (RedisError, OSError, TimeoutError) as error:
        raise ExchangeAway(f"{type(error).__name__}: {error}"[:500]) from None


@cache
def _hash(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
