from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from slots.store import Database

INSERT = text("INSERT INTO holidays (date, name) VALUES (:date, :name)")
COUNT = text("SELECT count(*) FROM holidays")


async def test_a_statement_gives_its_rows_its_count_and_the_number_of_its_row(database: Database) -> None:
    rows = [{"date": f"2026-12-{day}", "name": "x"} for day in range(10, 20)]
    async with database.transaction() as connection:
        await connection.execute(INSERT, rows)
        changed = await connection.execute(text("UPDATE holidays SET name = 'y' WHERE date > '2026-12-15'"))
        returned = await connection.execute(
            text("INSERT INTO holidays (date, name) VALUES ('2026-12-25', 'z') RETURNING date, rowid")
        )
        found = await connection.execute(text("SELECT date, name FROM holidays WHERE name <> 'x' ORDER BY date"))

    assert changed.rowcount == 4
    assert returned.all() == [("2026-12-25", 11)]
    assert found.keys() == ["date", "name"]
    assert found.all() == [*((f"2026-12-{day}", "y") for day in range(16, 20)), ("2026-12-25", "z")]


async def test_statements_of_a_read_see_what_was_there_at_the_first_of_them(database: Database) -> None:
    async with database.read() as connection:
        before = (await connection.execute(COUNT)).scalar_one()
        async with database.transaction() as other:
            await other.execute(INSERT, {"date": "2026-12-25", "name": "x"})
        after = (await connection.execute(COUNT)).scalar_one()

    async with database.read() as connection:
        later = (await connection.execute(COUNT)).scalar_one()
    assert (before, after, later) == (0, 0, 1)


async def test_a_read_in_which_nothing_was_asked_leaves_no_transaction_to_the_next_one(database: Database) -> None:
    async with database.read():
        pass
    async with database.transaction() as connection:
        await connection.execute(INSERT, {"date": "2026-12-25", "name": "x"})

    async with database.read() as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 1


async def test_after_a_statement_that_failed_its_connection_serves_the_next_transaction(database: Database) -> None:
    async def write_twice() -> None:
        async with database.transaction() as connection:
            for _ in range(2):
                await connection.execute(INSERT, {"date": "2026-12-25", "name": "x"})

    with pytest.raises(IntegrityError):
        await write_twice()

    async with database.transaction() as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 0


@pytest.mark.parametrize("writes", [True, False])
async def test_who_is_canceled_in_the_middle_of_a_statement_leaves_nothing_open(
    database: Database, writes: bool
) -> None:
    begun = asyncio.Event()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "RECURSIVE" in statement:
            begun.set()

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    long = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n")

    async def ask() -> None:
        async with database.transaction() if writes else database.read() as connection:
            if writes:
                await connection.execute(INSERT, {"date": "2026-12-24", "name": "x"})
            await connection.execute(long)

    for _ in range(5):
        begun.clear()
        asking = asyncio.create_task(ask())
        await begun.wait()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking

    async with database.transaction() as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 0
        await connection.execute(INSERT, {"date": "2026-12-25", "name": "x"})
    async with database.read() as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 1
