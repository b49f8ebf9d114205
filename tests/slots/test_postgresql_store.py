"""No wait for PostgreSQL is without an end, and what gave way to another transaction is tried again."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from slots import postgresql_store
from slots.errors import StorageUnavailable, TransactionUndone
from slots.postgresql_store import limited
from slots.store import Database, again_if_undone, open_database
from tests.slots.databases import answers_soon, postgresql_stopped

on_postgresql = pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
SOON_S = 20.0


async def shown(database: Database, setting: str) -> str:
    async with database.read() as connection:
        return str((await connection.execute(text(f"SHOW {setting}"))).scalar_one())


async def answer(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(text("SELECT 1"))).scalar_one())


@on_postgresql
async def test_every_session_has_our_limits_unless_the_url_names_its_own(either_url: str) -> None:
    ours, theirs = open_database(either_url), open_database(f"{either_url}&options=-c lock_timeout=7s")

    assert await shown(ours, "statement_timeout") == "15s"
    assert await shown(ours, "idle_in_transaction_session_timeout") == "1min"
    assert (await shown(ours, "lock_timeout"), await shown(theirs, "lock_timeout")) == ("4s", "7s")
    await ours.close()
    await theirs.close()


def test_the_network_limits_of_the_url_win() -> None:
    url = limited(make_url("postgresql+psycopg://u@h/d?connect_timeout=2&sslmode=require"))

    assert url.query["connect_timeout"] == "2"
    assert url.query["sslmode"] == "require"
    assert url.query["tcp_user_timeout"] == "8000"


@pytest.mark.parametrize(("share", "own"), [(None, 7), (6, 1), (40, 35)])
def test_a_process_leaves_the_lookups_and_the_tracks_their_part_of_its_connections(share: int | None, own: int) -> None:
    assert postgresql_store.own_connections(share) == own


def test_a_share_that_leaves_nothing_for_the_pages_is_refused() -> None:
    with pytest.raises(ValueError, match="6 are the least"):
        postgresql_store.own_connections(5)


@on_postgresql
async def test_a_process_takes_no_more_connections_than_its_share_however_many_ask(either_url: str) -> None:
    database = open_database(either_url, connections=8)
    count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")

    async def ask() -> int:
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(0.02)"))
            return int((await connection.execute(count)).scalar_one())

    assert max(await asyncio.gather(*(ask() for _ in range(30)))) <= 3
    await database.close()


@on_postgresql
async def test_a_database_that_says_nothing_is_given_up_on_and_asked_again_when_it_answers(
    either_database: Database,
) -> None:
    assert await answer(either_database) == 1

    async with asyncio.timeout(SOON_S):
        with postgresql_stopped(either_database.url), answers_soon(postgresql_store):
            asked = await asyncio.gather(*(answer(either_database) for _ in range(30)), return_exceptions=True)
            # By now there is no connection that was made before.
            later = await asyncio.gather(*(answer(either_database) for _ in range(30)), return_exceptions=True)

    assert {type(each) for each in (*asked, *later)} == {StorageUnavailable}
    assert await answer(either_database) == 1


@on_postgresql
async def test_a_process_that_was_itself_away_finds_its_answer(either_database: Database) -> None:
    async with either_database.read() as connection:
        with answers_soon(postgresql_store):
            asked = asyncio.create_task(connection.execute(text("SELECT pg_sleep(0.05)")))  # type: ignore[arg-type]
            await asyncio.sleep(0.01)
            time.sleep(0.6)  # noqa: ASYNC251 - the loop, and so the process, does nothing meanwhile

            await asked


@on_postgresql
async def test_a_cancelled_question_is_over_at_once_and_its_connection_is_not_used_again(
    either_database: Database,
) -> None:
    backend = text("SELECT pg_backend_pid()")

    async def ask_and_be_cancelled() -> int:
        async with either_database.read() as connection:
            pid: int = (await connection.execute(backend)).scalar_one()
            cut = asyncio.get_running_loop().create_task(connection.execute(text("SELECT pg_sleep(10)")))  # type: ignore
            await asyncio.sleep(0.05)
            cut.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cut
        return pid

    began_s = time.monotonic()
    pid = await ask_and_be_cancelled()

    assert time.monotonic() - began_s < 8, "it waited for the server to be told"
    async with either_database.read() as connection:
        assert (await connection.execute(backend)).scalar_one() != pid


@on_postgresql
async def test_a_queue_that_moves_on_is_waited_in_longer_than_a_silent_database(
    either_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(either_url, connections=6)
    assert await answer(database) == 1
    monkeypatch.setattr(postgresql_store, "ANSWER_WITHIN_S", 0.5)
    monkeypatch.setattr(postgresql_store, "LOOK_S", 0.05)

    async def ask() -> None:
        async with database.read() as connection:
            for _ in range(4):
                await connection.execute(text("SELECT pg_sleep(0.1)"))

    await asyncio.gather(*(ask() for _ in range(3)))
    await database.close()


@on_postgresql
async def test_who_waits_for_a_connection_is_not_overtaken_by_who_comes_later(either_url: str) -> None:
    database = open_database(either_url, connections=6)
    asked: list[int] = []
    served: list[int] = []

    async def ask_again_and_again() -> None:
        for pause in range(8):
            for _ in range(pause * 3):
                await asyncio.sleep(0)
            number = len(asked)
            asked.append(number)
            async with database.read() as connection:
                served.append(number)
                await connection.execute(text("SELECT 1"))

    await asyncio.gather(*(ask_again_and_again() for _ in range(20)))

    assert served == asked
    await database.close()


@on_postgresql
async def test_of_two_transactions_that_wait_for_each_other_both_are_done_in_the_end(
    either_database: Database,
) -> None:
    async with either_database.transaction() as connection:
        for date in ("2026-12-25", "2026-12-26"):
            await connection.execute(text("INSERT INTO holidays (date, name) VALUES (:date, '')"), {"date": date})
    first_locks = asyncio.Barrier(2)
    tries: list[str] = []

    @again_if_undone
    async def rename(first: str, second: str, name: str) -> None:
        tries.append(name)
        async with either_database.transaction() as connection:
            change = text("UPDATE holidays SET name = name || :name WHERE date = :date")
            await connection.execute(change, {"name": name, "date": first})
            if tries.count(name) == 1:
                await first_locks.wait()
            await connection.execute(change, {"name": name, "date": second})

    async with asyncio.timeout(SOON_S):
        await asyncio.gather(
            rename("2026-12-25", "2026-12-26", "a"),
            rename("2026-12-26", "2026-12-25", "b"),
        )

    async with either_database.read() as connection:
        names = (await connection.execute(text("SELECT name FROM holidays"))).scalars().all()
    assert {"".join(sorted(name)) for name in names} == {"ab"}
    # The one that is tried again may lock its first day before the other one wakes up: then that one is undone, too.
    assert sorted(tries) in (["a", "a", "b"], ["a", "b", "b"], ["a", "a", "b", "b"])


async def test_what_is_undone_twice_goes_to_the_caller() -> None:
    tries = 0

    @again_if_undone
    async def lose() -> None:
        nonlocal tries
        tries += 1
        raise TransactionUndone

    with pytest.raises(StorageUnavailable):
        await lose()
    assert tries == 2


@on_postgresql
async def test_after_a_restart_the_lookups_ask_on_new_connections(either_database: Database) -> None:
    engine = either_database.lookup_engine(threads=2)
    pid = text("SELECT pg_backend_pid()")
    with engine.connect() as connection:
        before = connection.execute(pid).scalar_one()
    async with either_database.read() as ending:
        await ending.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": before})

    with engine.connect() as connection:
        assert connection.execute(pid).scalar_one() != before
    engine.dispose()
