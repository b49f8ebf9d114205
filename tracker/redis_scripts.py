"""Scripts and commands on a client of Redis, with one error for all that may go wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from tracker.errors import ExchangeAway


async def run_script(client: Redis, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """By its hash; Redis is given the text when it does not know it. Raises ExchangeAway."""
    return await answer_of(AsyncScript(client, script)(keys=keys, args=arguments))


async def answer_of(asked: Awaitable[Any]) -> Any:
    """Raises ExchangeAway when Redis cannot be reached, does not answer in time, or refuses."""
    try:
        return await asked
    except (RedisError, OSError, TimeoutError) as error:
        raise ExchangeAway(f"{type(error).__name__}: {error}"[:500]) from None
