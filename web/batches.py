"""Look-ups of single rows, read many at a time and remembered for a moment.

What is asked for while a query runs is asked in the next one: when thousands come back at once, the database is asked
a few dozen times; when one comes alone, nothing waits. The answer to `get` holds at the instant it returns: rows that
were changed by this process since they were read are read again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from web.problems import retry_later

if TYPE_CHECKING:
    from web.changes_store import Mark

REMEMBERED_S = 1.0
"""How long a row is believed although another process may have changed it."""
MAX_REMEMBERED = 20_000
MAX_BATCH = 256
"""Rows of one query: two milliseconds of work."""
WITHIN_S = 5.0
"""A query that takes longer has failed: its askers are told to come again."""
PATIENCE_S = 2.0
"""Who asked while a query took this long, and failed, is not made to wait for another one."""
RETRY_S = 2
TRIES = 4
"""Rows that change faster than they can be read are taken as they were read last."""

Key = TypeVar("Key")
Value = TypeVar("Value")

log = logging.getLogger("enroute.batches")


class Batches(Generic[Key, Value]):
    """`get` one value by its key. `read` fetches many and leaves out what is not there, which is never remembered;
    `mark` tells that rows were changed."""

    def __init__(
        self,
        read: Callable[[Sequence[Key]], Awaitable[dict[Key, Value]]],
        *,
        mark: Mark,
        remembered_s: float = REMEMBERED_S,
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        self._read_many = read
        self._mark = mark
        self._remembered_s = remembered_s
        self._max_remembered = max_remembered
        self._as_of = mark.number
        self._known: dict[Key, tuple[Value, float]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._waiting: dict[Key, list[asyncio.Future[tuple[Value | None, int]]]] = {}
        self._reader: asyncio.Task[None] | None = None
        self.queries = 0

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._known)

    async def get(self, key: Key) -> Value | None:
        """The value, None where there is none. Problem `busy` when the database does not answer."""
        if self._as_of != self._mark.number:
            self._forget()
        known = self._known.get(key)
        if known is not None and known[1] > asyncio.get_running_loop().time():
            return known[0]
        for _ in range(TRIES):
            value, as_of = await self._ask(key)
            if as_of == self._mark.number:
                break
        return value

    def _ask(self, key: Key) -> asyncio.Future[tuple[Value | None, int]]:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[tuple[Value | None, int]] = loop.create_future()
        askers = self._waiting.get(key)
        if askers is None:
            self._waiting[key] = [asked]
        else:
            askers.append(asked)
        if self._reader is None:
            self._reader = loop.create_task(self._read(), name="batches")
        return asked

    async def _read(self) -> None:
        try:
            while self._waiting:
                waiting = self._waiting
                if len(waiting) > MAX_BATCH:
                    keys = list(waiting)[:MAX_BATCH]
                    asked = {key: waiting.pop(key) for key in keys}
                else:
                    asked, self._waiting = waiting, {}
                await self._answer(asked)
        finally:
            self._reader = None

    async def _answer(self, asked: dict[Key, list[asyncio.Future[tuple[Value | None, int]]]]) -> None:
        loop = asyncio.get_running_loop()
        # Both before the query: what is changed while it runs may or may not be in its answer.
        began_s = loop.time()
        as_of, until_s = self._mark.number, began_s + self._remembered_s
        self.queries += 1
        try:
            async with asyncio.timeout(WITHIN_S):
                found = await self._read_many(list(asked))
        except Exception as error:  # whatever a driver raises, the answer is the same
            # What the driver said, without the statement: its values are proofs.
            cause = getattr(error, "orig", error)
            log.warning("%d look-ups failed: %s: %s", len(asked), type(cause).__name__, cause)
            _refuse(asked)
            if loop.time() - began_s >= PATIENCE_S:
                # The next query would wait as long, for people who have waited already.
                waiting, self._waiting = self._waiting, {}
                _refuse(waiting)
            return
        except BaseException:
            for askers in asked.values():
                for asker in askers:
                    asker.cancel()
            raise
        if as_of == self._mark.number:
            self._remember(found, until_s)
        for key, askers in asked.items():
            value = found.get(key)
            for asker in askers:
                if not asker.done():
                    asker.set_result((value, as_of))

    def _remember(self, found: dict[Key, Value], until_s: float) -> None:
        if self._as_of != self._mark.number:
            self._forget()
        if len(self._known) + len(found) > self._max_remembered:
            self._known.clear()
        if len(found) <= self._max_remembered:
            for key, value in found.items():
                self._known[key] = (value, until_s)
        if self._known and self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._remembered_s, self._sweep_out)

    def _sweep_out(self) -> None:
        """Nothing stays in memory because nobody asked for it again."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._known = {key: known for key, known in self._known.items() if known[1] > now_s}
        self._sweep = loop.call_later(self._remembered_s, self._sweep_out) if self._known else None

    def _forget(self) -> None:
        self._known.clear()
        self._as_of = self._mark.number


def _refuse(asked: Mapping[Any, list[asyncio.Future[Any]]]) -> None:
    for askers in asked.values():
        for asker in askers:
            if not asker.done():
                asker.set_exception(retry_later("busy", RETRY_S, "Please come again in a moment."))
