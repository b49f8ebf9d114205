from __future__ import annotations

import asyncio
import contextlib

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from slots import schema_store
from slots.errors import GuardMissing, StorageFull, StorageUnavailable
from slots.store import Database, open_database, sync_url


async def test_a_transaction_is_kept_whole_or_not_at_all(either_database: Database) -> None:
    insert = text("INSERT INTO holidays (date, name) VALUES (:date, 'x')")
    async with either_database.transaction() as connection:
        await connection.execute(insert, {"date": "2026-12-25"})

    async def fail_half_way() -> None:
        async with either_database.transaction() as connection:
            await connection.execute(insert, {"date": "2026-12-26"})
            raise LookupError

    with pytest.raises(LookupError):
        await fail_half_way()

    async with either_database.read() as connection:
        found = (await connection.execute(text("SELECT date FROM holidays"))).scalars().all()
    assert list(found) == ["2026-12-25"]


async def test_nothing_written_through_a_read_is_kept(either_database: Database) -> None:
    async with either_database.read() as connection:
        await connection.execute(text("INSERT INTO holidays (date, name) VALUES ('2026-12-25', 'x')"))

    async with either_database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM holidays"))).scalar_one() == 0


async def test_readers_do_not_wait_for_a_writer(either_database: Database) -> None:
    async with either_database.transaction() as writer:
        await writer.execute(text("INSERT INTO holidays (date, name) VALUES ('2026-12-25', 'x')"))
        async with asyncio.timeout(20), either_database.read() as reader:
            seen = (await reader.execute(text("SELECT count(*) FROM holidays"))).scalar_one()

    assert seen == 0


async def test_sqlite_is_opened_durable_and_strict(database: Database) -> None:
    async with database.read() as connection:
        values = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]

    assert values == ["wal", 2, 1, 10_000]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
    ],
)
def test_the_url_people_give_becomes_the_drivers(given: str, expected: str) -> None:
    assert sync_url(given) == expected


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:"])
def test_a_database_we_cannot_serve_is_refused_with_what_to_use(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///"):
        open_database(url)


async def test_a_whole_guard_passes_at_start_up(either_database: Database) -> None:
    await schema_store.assert_guard(either_database)


@pytest.mark.parametrize("part", schema_store.GUARD["sqlite"])
async def test_a_lost_part_of_the_guard_stops_the_start_on_sqlite(database: Database, part: str) -> None:
    kind = "INDEX" if part.startswith("one_") else "TRIGGER"
    async with database.transaction() as connection:
        await connection.execute(text(f"DROP {kind} {part}"))

    with pytest.raises(GuardMissing) as refused:
        await schema_store.assert_guard(database)

    assert refused.value.missing == (part,)


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_a_lost_part_of_the_guard_stops_the_start_on_postgresql(either_database: Database) -> None:
    async with either_database.transaction() as connection:
        await connection.execute(text("ALTER TABLE holds DROP CONSTRAINT holds_no_overlap"))
        await connection.execute(text("ALTER TABLE appointments DISABLE TRIGGER appointments_guard"))
        await connection.execute(text("DROP INDEX one_traveling_per_technician"))

    with pytest.raises(GuardMissing) as refused:
        await schema_store.assert_guard(either_database)

    assert set(refused.value.missing) == {
        "holds_no_overlap",
        "appointments_guard",
        "one_traveling_per_technician",
    }


async def test_a_change_without_room_is_refused_whole_and_the_next_one_with_room_is_kept(database: Database) -> None:
    insert = text("INSERT INTO holidays (date, name) VALUES (:date, :name)")

    async def fill() -> None:
        async with database.transaction() as connection:
            await connection.execute(insert, {"date": "2026-12-25", "name": "small"})
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count={pages + 4}"))
            await connection.execute(insert, {"date": "2026-12-26", "name": "x" * 100_000})

    with pytest.raises(StorageFull):
        await fill()

    async with database.transaction() as connection:
        await connection.execute(text("PRAGMA max_page_count=1000000"))
        await connection.execute(insert, {"date": "2026-12-27", "name": "x" * 100_000})
        found = (await connection.execute(text("SELECT date FROM holidays"))).scalars().all()
    assert list(found) == ["2026-12-27"]


async def test_a_file_that_another_process_keeps_locked_is_unavailable_not_a_mistake(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slots.store.SQLITE_BUSY_TIMEOUT_MS", 20)
    ours, theirs = open_database(sqlite_url), open_database(sqlite_url)

    async def write() -> None:
        async with ours.transaction():
            pass

    async with theirs.transaction():
        with pytest.raises(StorageUnavailable):
            await write()
    await write()
    await ours.close()
    await theirs.close()


async def test_a_database_that_cannot_be_reached_is_unavailable() -> None:
    nowhere = open_database("postgresql://enroute@/enroute?host=/nonexistent")

    with pytest.raises(StorageUnavailable):
        async with nowhere.read():
            pass
    await nowhere.close()


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_a_connection_lost_in_a_transaction_is_unavailable_and_the_next_one_is_well(
    either_database: Database,
) -> None:
    async def lose() -> None:
        async with either_database.transaction() as connection:
            await connection.execute(text("INSERT INTO holidays (date, name) VALUES ('2026-12-25', 'x')"))
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StorageUnavailable):
        await lose()

    async with either_database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM holidays"))).scalar_one() == 0


async def test_a_wrong_statement_stays_the_mistake_that_it_is(either_database: Database) -> None:
    with pytest.raises(DBAPIError):
        async with either_database.read() as connection:
            await connection.execute(text("SELECT nonsense FROM nowhere"))


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_connections_that_the_server_ended_meanwhile_are_not_handed_out(either_database: Database) -> None:
    async with contextlib.AsyncExitStack() as together:
        for _ in range(3):
            await together.enter_async_context(either_database.read())
    end_all = text(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with either_database.read() as connection:
        ended = (await connection.execute(end_all)).scalar_one()

    async with contextlib.AsyncExitStack() as together:
        readers = [await together.enter_async_context(either_database.read()) for _ in range(3)]
        answers = [(await reader.execute(text("SELECT 1"))).scalar_one() for reader in readers]

    assert ended >= 2
    assert answers == [1, 1, 1]
