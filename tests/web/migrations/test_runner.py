import sqlite3

from sqlalchemy import create_engine, inspect

from web import (
    accounts_store,
    active_visits_store,
    leases_store,
    links_store,
    secrets_store,
    switches_store,
    watch_log_store,
)
from web.migrations import runner

TABLES = [
    *(accounts_store.accounts, accounts_store.people, secrets_store.tokens),
    *(links_store.links, switches_store.switches, watch_log_store.watch_log, leases_store.leases),
    active_visits_store.active_visits,
]


def test_a_new_database_is_made_and_is_then_up_to_date(tmp_path):
    url = f"sqlite:///{tmp_path / 'new' / 'enroute.db'}"

    before, done = runner.behind(url), runner.upgrade(url)

    assert [branch.branch for branch in before] == ["slots", "web", "tracker"]
    assert [branch.branch for branch in done] == ["slots", "web", "tracker"]
    assert runner.behind(url) == []


def test_upgrading_again_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path / 'enroute.db'}"
    runner.upgrade(url)

    assert runner.upgrade(url) == []


def test_tracks_lie_in_a_file_of_their_own(tmp_path):
    runner.upgrade(f"sqlite:///{tmp_path / 'enroute.db'}")

    with (
        sqlite3.connect(tmp_path / "enroute.db") as bookings,
        sqlite3.connect(tmp_path / "enroute-tracks.db") as tracks,
    ):
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        booking_tables = {name for (name,) in bookings.execute(query)}
        track_tables = {name for (name,) in tracks.execute(query)}
    bookings.close()
    tracks.close()
    assert "appointments" in booking_tables
    assert "fix_batches" in track_tables
    assert booking_tables & track_tables == {"alembic_version"}


def test_the_migrated_tables_are_those_the_stores_write(tmp_path):
    runner.upgrade(f"sqlite:///{tmp_path / 'enroute.db'}")

    engine = create_engine(f"sqlite:///{tmp_path / 'enroute.db'}")
    found = inspect(engine)
    for table in TABLES:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
    engine.dispose()


def test_behind_says_what_is_missing():
    assert str(runner.Behind("web", None, "web_0001")) == "web: at nothing, needs web_0001"
