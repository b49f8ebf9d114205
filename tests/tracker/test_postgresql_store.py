"""The tracks wait for no PostgreSQL without an end."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.slots.databases import answers_soon, postgresql_stopped
from tests.tracker.test_store import a_row
from tracker import postgresql_store
from tracker.errors import TracksUnavailable
from tracker.store import SqlTrackStore


def test_a_silent_database_is_given_up_on_and_what_could_not_be_written_is_written_later(
    postgresql: SqlTrackStore, postgresql_of_all: str
) -> None:
    postgresql.write([a_row()], [])

    with postgresql_stopped(postgresql_of_all), answers_soon(postgresql_store):
        with pytest.raises(DBAPIError):
            postgresql.write([a_row(lat=41.3)], [])
        with pytest.raises(TracksUnavailable):
            postgresql.ledger(0, 1)

    postgresql.write([a_row(fixed_at=a_row().fixed_at + 1)], [])
    assert len(postgresql.history("visit")) == 2


def test_a_statement_that_is_wrong_stays_the_mistake_that_it_is(postgresql: SqlTrackStore) -> None:
    with postgresql._engine.begin() as connection:
        connection.execute(text("DROP TABLE predictions"))

    with pytest.raises(DBAPIError):
        postgresql.ledger(0, 1)


def test_every_session_has_limits_and_no_error_shows_where_somebody_was(postgresql: SqlTrackStore) -> None:
    with postgresql._engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "15s"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "4s"

        with pytest.raises(DBAPIError) as failed:
            connection.execute(text("SELECT nonsense FROM last_states WHERE state = :state"), {"state": "41.15"})
    assert "41.15" not in str(failed.value)


def test_after_a_restart_the_tracks_are_written_on_a_new_connection(
    postgresql: SqlTrackStore, empty_postgresql: str
) -> None:
    with postgresql._engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = create_engine(empty_postgresql)
    with other.connect() as connection:
        assert connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar_one()
    other.dispose()

    postgresql.write([a_row()], [])

    assert postgresql.history("visit") == [a_row()]
