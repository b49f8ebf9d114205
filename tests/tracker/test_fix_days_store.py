"""On PostgreSQL each day of fixes is a partition: made in time by whoever is first, dropped when it is old enough."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from sqlalchemy import create_engine, text

from tests.tracker.journeys import NOW_MS
from tests.tracker.migrations import downgrade, migrate
from tests.tracker.test_store import a_row, a_state
from tracker.fix_days_store import DAY_MS, FixDays, day_of, name_of
from tracker.records import FixRow, LastState
from tracker.store import SqlTrackStore

TODAY = NOW_MS // DAY_MS
MIDNIGHT_MS = TODAY * DAY_MS
NEAR = 30
BEFORE = "tracker_0005"


@pytest.fixture
def other(postgresql: SqlTrackStore, empty_postgresql: str) -> Iterator[SqlTrackStore]:
    """Another process on the same database."""
    store = SqlTrackStore(empty_postgresql)
    yield store
    store.close()


def days_of(store: SqlTrackStore) -> list[int]:
    """Without those that the migration made for the time when this test runs."""
    return [day for day in FixDays(store._engine)._days() if abs(day - TODAY) < NEAR]


def on_day(day: int, **changed) -> FixRow:
    return a_row(fixed_at=day * DAY_MS + 1, **changed)


@pytest.mark.parametrize(("day", "name"), [(0, "fix_batches_19700101"), (20_785, "fix_batches_20261128")])
def test_a_partition_is_named_after_its_day(day, name):
    assert (name_of(day), day_of(name)) == (name, day)


def test_a_table_that_is_not_ours_has_no_day():
    assert day_of("fix_batches_archive") is None


def test_the_next_days_are_made_ahead_and_making_them_again_is_harmless(postgresql, other):
    postgresql.make_ready(NOW_MS)

    other.make_ready(NOW_MS + DAY_MS)

    assert days_of(postgresql) == [TODAY, TODAY + 1, TODAY + 2, TODAY + 3]


def test_a_fix_is_kept_although_nobody_made_room_for_its_day(postgresql):
    late, early = on_day(TODAY - 1, late=True), on_day(TODAY)

    postgresql.write([early, late], [a_state()])

    assert postgresql.history("visit") == [late, early]
    assert days_of(postgresql) == [TODAY - 1, TODAY]


def test_a_batch_at_midnight_is_parted_and_read_as_one(postgresql):
    rows = [a_row(fixed_at=MIDNIGHT_MS + s) for s in range(-3, 3)]

    postgresql.write(rows, [])

    assert postgresql.history("visit") == rows
    assert postgresql.history("visit", from_ms=MIDNIGHT_MS - 1, to_ms=MIDNIGHT_MS) == rows[2:4]
    assert postgresql.count() == 6


def test_old_days_are_dropped_whole_and_the_day_that_is_partly_old_is_kept(postgresql):
    postgresql.write([on_day(TODAY - ago, technician_id=f"t{n}") for ago in range(4) for n in range(5)], [])

    gone = postgresql.purge(MIDNIGHT_MS - DAY_MS + 5_000)

    assert gone == 10
    assert days_of(postgresql) == [TODAY - 1, TODAY]
    assert postgresql.count() == 10


def test_a_fix_of_a_day_that_another_process_dropped_is_kept_all_the_same(postgresql, other):
    postgresql.write([on_day(TODAY - 5)], [])
    assert other.purge(MIDNIGHT_MS) == 1

    postgresql.write([on_day(TODAY - 5, lat=41.5)], [])

    assert [row.lat for row in postgresql.history("visit")] == [41.5]


def test_two_processes_that_write_a_new_day_at_once_both_keep_their_fixes(postgresql, other):
    together = threading.Barrier(2)

    def write(store: SqlTrackStore, technician_id: str) -> None:
        for day in range(8):
            together.wait(10)
            store.write([on_day(TODAY + day, technician_id=technician_id)], [a_state(technician_id=technician_id)])

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, postgresql, "ana"), threads.submit(write, other, "rui")]:
            done.result(60)

    assert postgresql.count() == 16
    assert days_of(postgresql) == [TODAY + day for day in range(8)]


def test_two_processes_that_drop_at_once_while_a_third_writes_lose_nothing_young(postgresql, other):
    old = range(TODAY - 12, TODAY - 1)
    postgresql.write([on_day(day) for day in old], [])
    together = threading.Barrier(3)

    def purge(store: SqlTrackStore) -> int:
        together.wait(10)
        return store.purge(MIDNIGHT_MS)

    def write() -> int:
        together.wait(10)
        for number in range(40):
            postgresql.write([a_row(fixed_at=MIDNIGHT_MS + number)], [])
        return 0

    with ThreadPoolExecutor(3) as threads:
        doing = [threads.submit(purge, postgresql), threads.submit(purge, other), threads.submit(write)]
        gone = sum(done.result(60) for done in doing)
    left = sum(postgresql.purge(MIDNIGHT_MS) for _ in range(2))

    assert gone + left == len(old)
    assert postgresql.count() == 40


def test_a_day_that_is_being_read_is_left_for_the_next_time_and_writing_goes_on(postgresql, other, monkeypatch):
    monkeypatch.setattr("tracker.fix_days_store.DROP_WITHIN", "50ms")
    postgresql.write([on_day(TODAY - 3)], [])
    with other._engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM fix_batches")).scalar_one()

        assert postgresql.purge(MIDNIGHT_MS) == 0
        postgresql.write([on_day(TODAY)], [])

    assert postgresql.purge(MIDNIGHT_MS) == 1
    assert postgresql.count() == 1


def test_the_last_state_and_the_finished_trips_are_read_across_days(postgresql):
    rows = [a_row(fixed_at=MIDNIGHT_MS + s * 10_000) for s in range(-3, 3)]
    postgresql.write(rows, [a_state(fixed_at=rows[0].fixed_at)])

    (state,) = postgresql.last_states()
    (trip,) = postgresql.finished_trips(since_ms=rows[0].fixed_at, before_ms=NOW_MS + DAY_MS, at_most=10)

    assert isinstance(state, LastState)
    assert state.fixed_at == rows[-1].fixed_at
    assert [fix.fixed_at for fix in trip.fixes] == [row.fixed_at for row in rows]


def test_what_was_told_under_way_is_forgotten_there_too(postgresql):
    from tracker.records import ToldArrival

    postgresql.write([], [], [ToldArrival("visit", NOW_MS + s, NOW_MS, NOW_MS, NOW_MS) for s in (0, 60)])

    postgresql.purge(NOW_MS + 30)

    assert [told.told_at for told in postgresql.told("visit", from_ms=0)] == [NOW_MS + 60]


def test_the_fixes_of_before_the_partitions_are_all_there_after_the_migration_and_back(empty_postgresql):
    migrate(empty_postgresql, upto=BEFORE)
    rows = [
        [on_day(TODAY - 2), on_day(TODAY - 2, technician_id="rui")],
        [a_row(fixed_at=MIDNIGHT_MS - 1), a_row(fixed_at=MIDNIGHT_MS + 1)],
        [on_day(TODAY - 9, late=True), a_row(fixed_at=MIDNIGHT_MS + 2)],
        [a_row(fixed_at=MIDNIGHT_MS + 3)],
    ]
    engine = create_engine(empty_postgresql)
    with engine.begin() as connection:
        for batch in rows:
            times = [row.fixed_at for row in batch]
            connection.execute(
                text(
                    "INSERT INTO fix_batches (oldest_at, newest_at, count, rows) VALUES (:oldest, :newest, :n, :rows)"
                ),
                {"oldest": min(times), "newest": max(times), "n": len(batch), "rows": msgspec.msgpack.encode(batch)},
            )
    engine.dispose()
    wanted = sorted(
        (row for batch in rows for row in batch if row.technician_id == "ana"), key=lambda row: row.fixed_at
    )

    migrate(empty_postgresql, after=BEFORE)

    store = SqlTrackStore(empty_postgresql)
    assert [row for row in store.history("visit") if row.technician_id == "ana"] == wanted
    assert store.count() == 7
    assert days_of(store) == [TODAY - 9, TODAY - 2, TODAY - 1, TODAY]
    newer = a_row(fixed_at=MIDNIGHT_MS + 4)
    store.write([newer], [])
    assert store.purge(MIDNIGHT_MS) == 4
    store.close()
    downgrade(empty_postgresql, "tracker_0006")
    store = SqlTrackStore(empty_postgresql)
    with store._engine.connect() as connection:
        assert connection.execute(text("SELECT sum(count) FROM fix_batches")).scalar_one() == 4
    store.close()
