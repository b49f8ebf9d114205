import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DBAPIError

from tests.tracker.journeys import NOW_MS
from tests.tracker.migrations import downgrade, migrate, revisions
from tracker import calibration_store
from tracker.records import DutyChange, FixRow, KeptCalibration, LastState, Prediction, ToldArrival
from tracker.store import SqlTrackStore, metadata, tracks_url

HOUR_MS = 3_600_000


def a_row(**changed) -> FixRow:
    return FixRow(
        **(
            {
                "technician_id": "ana",
                "fixed_at": NOW_MS,
                "received_at": NOW_MS + 400,
                "trip_id": "visit",
                "lat": 41.15,
                "lon": -8.62,
                "accuracy_m": 6.5,
                "speed_mps": None,
                "heading_deg": 273.0,
                "late": False,
            }
            | changed
        )
    )


def a_state(**changed) -> LastState:
    return LastState(
        **(
            {
                "technician_id": "ana",
                "trip_id": "visit",
                "fixed_at": NOW_MS,
                "lat": 41.15,
                "lon": -8.62,
                "speed_mps": 3.0,
                "heading_deg": None,
                "accuracy_m": 5.0,
                "battery": 0.5,
                "eta_at": NOW_MS + 5,
            }
            | changed
        )
    )


def test_a_fix_comes_back_as_it_was_written(sql):
    sql.write([a_row()], [])

    assert sql.history("visit") == [a_row()]


def test_the_history_of_a_visit_is_in_order_and_holds_nothing_else(sql):
    sql.write([a_row(fixed_at=NOW_MS + 2), a_row(fixed_at=NOW_MS + 1, late=True), a_row(trip_id=None)], [])
    sql.write([a_row(technician_id="rui", trip_id="other")], [])

    assert [(row.fixed_at, row.late) for row in sql.history("visit")] == [(NOW_MS + 1, True), (NOW_MS + 2, False)]


def test_writing_a_fix_again_is_harmless(sql):
    sql.write([a_row()], [])

    sql.write([a_row(lat=0.5), a_row(fixed_at=NOW_MS + 1)], [])

    assert [row.lat for row in sql.history("visit")] == [41.15, 41.15]


def test_the_last_state_of_a_technician_is_replaced(sql):
    sql.write([], [a_state(), a_state(technician_id="rui", trip_id=None)])

    sql.write([], [a_state(fixed_at=NOW_MS + 9, arrived_at=NOW_MS)])

    states = {state.technician_id: state for state in sql.last_states()}
    assert states == {
        "ana": a_state(fixed_at=NOW_MS + 9, arrived_at=NOW_MS),
        "rui": a_state(technician_id="rui", trip_id=None),
    }


def test_changes_of_duty_come_back_in_order_and_once(sql):
    changes = [DutyChange("ana", NOW_MS + 5, "on_break"), DutyChange("ana", NOW_MS, "on_duty")]

    for change in (*changes, DutyChange("rui", NOW_MS, "off_duty"), *changes):
        sql.write_duty(change)

    assert sql.duty_changes() == [*reversed(changes), DutyChange("rui", NOW_MS, "off_duty")]


def test_changes_of_duty_are_kept_as_long_as_a_fix_from_then_may_come(sql):
    hours = [-30, -26, -25, -3, 0]
    sql.write_duty(DutyChange("rui", NOW_MS - 90 * HOUR_MS, "off_duty"))

    for hour in hours:
        sql.write_duty(DutyChange("ana", NOW_MS + hour * HOUR_MS, "on_break"))

    kept = [(change.since_at - NOW_MS) // HOUR_MS for change in sql.duty_changes()]
    assert kept == [-25, -3, 0, -90]


def test_what_was_told_of_a_trip_comes_back_in_order_and_once(sql):
    told = [ToldArrival("visit", NOW_MS + s, NOW_MS + 900, NOW_MS + 800, NOW_MS + 1000) for s in (60, 0, 120)]
    sql.write([], [], told)

    sql.write([], [], [*told, ToldArrival("other", NOW_MS + 90, 1, 0, 2)])

    assert sql.told("visit", from_ms=NOW_MS + 60) == [told[0], told[2]]
    sql.purge(NOW_MS + 61)
    assert sql.told("visit", from_ms=0) == [told[2]]


def test_a_visit_that_was_settled_is_not_settled_again_by_who_knows_less(sql):
    first = Prediction("visit", 5, "ana", NOW_MS, NOW_MS + 1, NOW_MS, NOW_MS + 2, NOW_MS + 3)
    later = Prediction("visit", 15, "ana", NOW_MS, NOW_MS + 1, NOW_MS, NOW_MS + 2, NOW_MS + 9)
    other = Prediction("other", 15, "ana", NOW_MS, NOW_MS + 1, NOW_MS, NOW_MS + 2, NOW_MS + 9)
    sql.write_predictions([first])

    sql.write_predictions([later, other], if_missing=True)

    assert sql.ledger(0, NOW_MS + 99) == [first, other]


def test_settling_a_visit_again_replaces_its_predictions(sql):
    def row(minutes: int, eta_at: int) -> Prediction:
        return Prediction("visit", minutes, "ana", NOW_MS, eta_at, eta_at, eta_at, NOW_MS)

    sql.write_predictions([row(30, 1), row(5, 2)])
    sql.write_predictions([row(5, 3)])
    sql.write_predictions([])

    with sql._engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT trip_id, minutes_before, eta_at FROM predictions").all()
    assert rows == [("visit", 5, 3)]


def test_the_ledger_is_read_by_arrival(sql):
    def row(trip_id: str, arrived_at: int, minutes: int = 5) -> Prediction:
        return Prediction(trip_id, minutes, "ana", NOW_MS, 1, 2, 3, arrived_at, area="41.150,-8.619")

    sql.write_predictions([row("late", NOW_MS + 9), row("first", NOW_MS), row("first", NOW_MS, 30)])
    sql.write_predictions([row("too late", NOW_MS + 10), row("too early", NOW_MS - 1)])

    assert sql.ledger(NOW_MS, NOW_MS + 10) == [row("first", NOW_MS, 30), row("first", NOW_MS), row("late", NOW_MS + 9)]


def test_purging_the_tracks_leaves_the_ledger(sql):
    row = Prediction("visit", 5, "ana", NOW_MS, 1, 2, 3, NOW_MS)
    sql.write_predictions([row])

    sql.purge(NOW_MS + 10)

    assert sql.ledger(0, NOW_MS + 1) == [row]


def test_purging_forgets_what_is_older_and_nothing_else(sql):
    sql.write([a_row(fixed_at=NOW_MS + s) for s in range(10)], [a_state()])

    assert sql.purge(NOW_MS + 4) == 4

    assert sql.count() == 6
    assert len(sql.last_states()) == 1


def test_rows_and_state_of_a_batch_are_written_together_or_not_at_all(sql):
    with pytest.raises(Exception, match="NOT NULL"):
        sql.write([a_row()], [a_state(technician_id=None)])

    assert sql.count() == 0
    assert sql.last_states() == []


def test_what_was_written_outlives_the_store(tracks, sql):
    sql.write([a_row()], [a_state()])
    sql.close()

    reopened = SqlTrackStore(tracks)

    assert reopened.history("visit") == [a_row()]
    reopened.close()


def test_a_write_waits_for_the_disk(sql):
    with sql._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_migration_makes_the_tables_the_store_uses(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        for revision in revisions():
            revision.upgrade()
        found = inspect(connection)
        for table in metadata.sorted_tables:
            columns = {(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table.name)}
            kept = {(c.name, c.type.compile(connection.dialect), bool(c.nullable)) for c in table.columns}
            assert columns == kept
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
            assert {i["name"] for i in found.get_indexes(table.name)} == {i.name for i in table.indexes}
        for revision in reversed(revisions()):
            revision.downgrade()
        assert inspect(connection).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_duty_of_before_the_changes_were_kept_stays_in_force(database, tmp_path, request):
    url = f"sqlite:///{tmp_path / 'migrated.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("empty_postgresql")
    migrate(url, upto="tracker_0006")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO duties VALUES ('ana', 'on_break', 5)")

    migrate(url, after="tracker_0006")
    store = SqlTrackStore(url)
    kept = store.duty_changes()
    store.write_duty(DutyChange("ana", 9, "on_duty"))
    store.close()
    downgrade(url, "tracker_0007")

    assert kept == [DutyChange("ana", 5, "on_break")]
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM duties").all() == [("ana", "on_duty", 9)]
    engine.dispose()


def test_the_ledger_of_before_the_areas_is_kept_and_read(tmp_path):
    from tracker.migrations import tracker_0001_tracks, tracker_0002_areas

    url = f"sqlite:///{tmp_path / 'migrated.db'}"
    engine = create_engine(url)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        tracker_0001_tracks.upgrade()
        connection.exec_driver_sql("INSERT INTO predictions VALUES ('old', 5, 'ana', 1, 2, 3, 4, 5)")
        tracker_0002_areas.upgrade()
    engine.dispose()
    store = SqlTrackStore(url)

    assert store.ledger(0, 10) == [Prediction("old", 5, "ana", 1, 2, 3, 4, 5, area=None)]
    store.close()


@pytest.mark.parametrize(
    ("given", "tracks"),
    [
        ("sqlite:///enroute.db", "sqlite:///enroute-tracks.db"),
        ("sqlite+aiosqlite:////var/lib/enroute.db", "sqlite:////var/lib/enroute-tracks.db"),
        ("sqlite:////var/lib.d/enroute", "sqlite:////var/lib.d/enroute-tracks"),
        ("postgresql://u:p%40ss@h/db", "postgresql+psycopg://u:p%40ss@h/db"),
        ("postgresql+psycopg://u@h:5433/db?sslmode=require", "postgresql+psycopg://u@h:5433/db?sslmode=require"),
    ],
)
def test_tracks_lie_beside_an_sqlite_file_and_in_the_same_postgresql_database(given, tracks):
    assert tracks_url(given) == tracks


def test_the_last_state_stands_at_the_newest_fix(sql):
    sql.write([], [a_state(fixed_at=NOW_MS)])
    sql.write([a_row(fixed_at=NOW_MS + 5000, lat=41.2), a_row(fixed_at=NOW_MS + 9000, lat=41.3)], [])

    (state,) = sql.last_states()

    assert (state.fixed_at, state.lat) == (NOW_MS + 9000, 41.3)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 127, 128, 129, 300])
def test_a_batch_of_any_size_is_written_whole(sql, count):
    sql.write([a_row(fixed_at=NOW_MS + number) for number in range(count)], [])

    assert sql.count() == count


def test_the_calibration_learned_last_is_the_one_that_counts(store):
    assert store.calibration() is None

    store.write_calibration(KeptCalibration(NOW_MS, 40, b"old"))
    store.write_calibration(KeptCalibration(NOW_MS + 5, 41, b"new"))

    assert store.calibration() == KeptCalibration(NOW_MS + 5, 41, b"new")


def test_what_was_in_force_in_a_span_and_the_one_before_is_found_in_order(store):
    kept = [KeptCalibration(NOW_MS + day, day, b"%d" % day) for day in range(5)]
    for each in kept:
        store.write_calibration(each)

    assert store.calibrations(NOW_MS + 3) == kept[1:]
    assert store.calibrations(NOW_MS + 99) == kept[3:]
    assert store.calibrations(0) == kept


def test_a_month_of_calibrations_is_kept_and_no_more(sql):
    for night in range(calibration_store.KEPT + 3):
        sql.write_calibration(KeptCalibration(NOW_MS + night, night, b"x"))

    with sql._engine.connect() as connection:
        trips = connection.exec_driver_sql("SELECT trips FROM calibrations ORDER BY id").scalars().all()
    assert trips == list(range(3, calibration_store.KEPT + 3))


def test_finished_trips_are_read_back_from_the_fixes_of_everybody(sql):
    for s in range(0, 60, 10):
        at = NOW_MS + s * 1000
        sql.write(
            [
                a_row(fixed_at=at, lat=41 + s / 1000),
                a_row(fixed_at=at, technician_id="rui", trip_id="other"),
                a_row(fixed_at=at, technician_id="eva", trip_id=None),
            ],
            [],
        )
    sql.write([a_row(fixed_at=NOW_MS + 90_000, technician_id="rui", trip_id="other")], [])

    (trip,) = sql.finished_trips(since_ms=NOW_MS, before_ms=NOW_MS + 80_000, at_most=100)

    assert trip.trip_id == "visit"
    assert [(fix.fixed_at, fix.lat) for fix in trip.fixes] == [
        (NOW_MS + s * 1000, 41 + s / 1000) for s in range(0, 60, 10)
    ]


def test_what_is_learned_is_kept_and_trips_are_read_on_postgresql_too(postgresql):
    postgresql.write([a_row(fixed_at=NOW_MS + s * 1000) for s in range(0, 60, 10)], [])
    postgresql.write_calibration(KeptCalibration(NOW_MS, 40, b"old"))
    postgresql.write_calibration(KeptCalibration(NOW_MS + 5, 41, b"\0new"))

    (trip,) = postgresql.finished_trips(since_ms=NOW_MS, before_ms=NOW_MS + 80_000, at_most=100)

    assert len(trip.fixes) == 6
    assert postgresql.calibration() == KeptCalibration(NOW_MS + 5, 41, b"\0new")


def test_of_several_processes_one_learns_in_a_night(sql):
    taken = [sql.take_night(night_ms=NOW_MS, now_ms=NOW_MS + 600_000) for _ in range(3)]
    sql.end_night(night_ms=NOW_MS, now_ms=NOW_MS + 900_000)

    assert taken == [True, False, False]
    assert not sql.take_night(night_ms=NOW_MS, now_ms=NOW_MS + 80_000_000)
    assert sql.take_night(night_ms=NOW_MS + 86_400_000, now_ms=NOW_MS + 86_400_000)


def test_a_night_that_broke_off_is_taken_by_another_after_an_hour(sql):
    assert sql.take_night(night_ms=NOW_MS, now_ms=NOW_MS)

    assert not sql.take_night(night_ms=NOW_MS, now_ms=NOW_MS + 3_599_000)
    assert sql.take_night(night_ms=NOW_MS, now_ms=NOW_MS + 3_600_000)
    assert not sql.take_night(night_ms=NOW_MS, now_ms=NOW_MS + 3_600_001)


def test_after_a_batch_that_failed_the_next_one_is_written(sql, tracks):
    sql.write([a_row(fixed_at=NOW_MS)], [])
    engine = create_engine(tracks)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE fix_batches RENAME TO elsewhere")
    with pytest.raises(DBAPIError):
        sql.write([a_row(fixed_at=NOW_MS + 1)], [a_state()])
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO fix_batches")
    engine.dispose()

    sql.write([a_row(fixed_at=NOW_MS + 2)], [])

    assert [row.fixed_at for row in sql.history("visit")] == [NOW_MS, NOW_MS + 2]
    assert sql.last_states() == []
