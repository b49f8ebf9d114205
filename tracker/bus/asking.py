"""Questions between processes: each has a number, and whoever asked waits until the answer, or until nobody is left to
give one."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Asking(Generic[T]):
    """Open questions by number; ``answer`` and ``left`` end them."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._open: dict[int, tuple[asyncio.Future[dict[str, T]], set[str], dict[str, T]]] = {}

    def ask(self, node_ids: set[str]) -> tuple[int, asyncio.Future[dict[str, T]]]:
        """A number to ask under, and what the processes will have answered: those that leave meanwhile are missing."""
        number = next(self._numbers)
        future: asyncio.Future[dict[str, T]] = asyncio.get_running_loop().create_future()
        self._open[number] = (future, set(node_ids), {})
        self._end_if_complete(number)
        return number, future

    def answer(self, node_id: str, number: int, given: T) -> None:
        """An answer; one that nobody waits for any more is ignored."""
        known = self._open.get(number)
        if known is None or node_id not in known[1]:
            return
        known[1].discard(node_id)
        known[2][node_id] = given
        self._end_if_complete(number)

    def left(self, node_id: str) -> None:
        """Nothing more will come from this process."""
        for number in list(self._open):
            self._open[number][1].discard(node_id)
            self._end_if_complete(number)

    def give_up(self) -> None:
        """Nothing more will come from anybody."""
        for number in list(self._open):
            self._open[number][1].clear()
            self._end_if_complete(number)

    async def within(self, asked: tuple[int, asyncio.Future[dict[str, T]]], seconds: float) -> dict[str, T]:
        """The answers that came in that time."""
        number, future = asked
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            known = self._open.get(number)
            return known[2] if known is not None else {}
        finally:
            self._open.pop(number, None)

    def _end_if_complete(self, number: int) -> None:
        future, waiting, given = self._open[number]
        if not waiting:
            if not future.done():
                future.set_result(given)
            del self._open[number]
