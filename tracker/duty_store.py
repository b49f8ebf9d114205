"""Duties as they changed: as far back as a phone may still hand in what it fixed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from tracker.filters import MAX_AGE_MS
from tracker.records import DutyChange


def duty_changes_table(metadata: MetaData) -> Table:
    """The table, whose columns are the fields of ``DutyChange``."""
    return Table(
        "duty_changes",
        metadata,
        Column("technician_id", String(64), primary_key=True),
        Column("since_at", BigInteger, primary_key=True, autoincrement=False),
        Column("duty", String(16), nullable=False),
    )


def write(connection: Connection, table: Table, change: DutyChange) -> None:
    """Keep a change, and of the technician's earlier ones those that may still matter."""
    columns = table.c
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    kept = insert(table).values(technician_id=change.technician_id, since_at=change.since_at, duty=change.duty)
    connection.execute(
        kept.on_conflict_do_update(
            index_elements=[columns.technician_id, columns.since_at], set_={"duty": kept.excluded.duty}
        )
    )
    own = columns.technician_id == change.technician_id
    # What was in force at the oldest moment that counts began before it.
    oldest = select(func.max(columns.since_at)).where(own, columns.since_at <= change.since_at - MAX_AGE_MS)
    connection.execute(delete(table).where(own, columns.since_at < oldest.scalar_subquery()))


def everybody(connection: Connection, table: Table) -> list[DutyChange]:
    """All that is kept, each technician's in order."""
    columns = table.c
    query = select(columns.technician_id, columns.since_at, columns.duty)
    return [DutyChange(*row) for row in connection.execute(query.order_by(columns.technician_id, columns.since_at))]
