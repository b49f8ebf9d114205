from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from web import batches
from web.batches import Batches
from web.changes_store import Mark
from web.problems import Problem


class Database:
    """Answers when the gate is open; fails then, if it is away."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.away = False
        self.asked: list[list[str]] = []

    async def read(self, keys: Sequence[str]) -> dict[str, str]:
        self.asked.append(list(keys))
        await self.gate.wait()
        if self.away:
            raise OSError("no answer")
        return {key: key.upper() for key in keys}


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def rows(database: Database) -> Batches[str, str]:
    return Batches(database.read, mark=Mark(frozenset()))


async def asked_one_after_the_other(rows: Batches[str, str], database: Database) -> list[asyncio.Task[str | None]]:
    """The second one asks while the query of the first one runs."""
    first = asyncio.create_task(rows.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert database.asked == [["a"]]
    second = asyncio.create_task(rows.get("b"))
    await asyncio.sleep(0)
    return [first, second]


async def test_who_asks_during_a_query_is_answered_by_the_next_one(rows: Batches[str, str], database: Database) -> None:
    asking = await asked_one_after_the_other(rows, database)
    database.gate.set()

    assert await asyncio.gather(*asking) == ["A", "B"]
    assert database.asked == [["a"], ["b"]]


async def test_who_waited_for_a_query_that_failed_late_does_not_wait_for_another_one(
    rows: Batches[str, str], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PATIENCE_S", 0.0)
    asking = await asked_one_after_the_other(rows, database)
    database.away = True
    database.gate.set()

    refused = await asyncio.gather(*asking, return_exceptions=True)

    assert [isinstance(each, Problem) and each.code for each in refused] == ["busy", "busy"]
    assert database.asked == [["a"]]
    database.away = False
    assert await rows.get("b") == "B"


async def test_after_a_failure_that_came_at_once_the_next_query_is_asked(
    rows: Batches[str, str], database: Database
) -> None:
    asking = await asked_one_after_the_other(rows, database)
    database.away = True
    database.gate.set()

    refused = await asyncio.gather(*asking, return_exceptions=True)

    assert [isinstance(each, Problem) and each.headers["Retry-After"] for each in refused] == ["2", "2"]
    assert database.asked == [["a"], ["b"]]
