"""On PostgreSQL every day of fixes is a partition, so that forgetting it is dropping it. SQLite stays as it is.

The fixes that are there are copied: until the end this takes as much room on the disk as they have, and phones wait for
their acknowledgements.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "tracker_0006"
down_revision = "tracker_0005"
branch_labels = None
depends_on = None

DAY_MS = 86_400_000
FIXED_AT = 1
"""Where a fix, which is kept as an array, has its time."""

_DAYS = "SELECT DISTINCT newest_at / 86400000 FROM fix_batches_whole WHERE oldest_at / 86400000 = newest_at / 86400000"
_COPY = (
    "INSERT INTO fix_batches (id, oldest_at, newest_at, count, rows)"
    " SELECT id, oldest_at, newest_at, count, rows FROM fix_batches_whole"
    " WHERE oldest_at / 86400000 = newest_at / 86400000"
)
# Processes of the version before this one go on writing: into these.
_NEXT_DAYS = "SELECT extract(epoch FROM now())::bigint / 86400 + ahead FROM generate_series(0, 2) AS ahead"
_PARTED = sa.text("SELECT id, rows FROM fix_batches_whole WHERE oldest_at / 86400000 <> newest_at / 86400000")
_INSERT = sa.text(
    "INSERT INTO fix_batches (id, oldest_at, newest_at, count, rows)"
    " VALUES (:id, :oldest_at, :newest_at, :count, :rows)"
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE fix_batches RENAME TO fix_batches_whole")
    op.execute("ALTER TABLE fix_batches_whole RENAME CONSTRAINT fix_batches_pkey TO fix_batches_whole_pkey")
    op.execute("ALTER INDEX ix_fix_batches_newest_at RENAME TO ix_fix_batches_whole_newest_at")
    op.execute(
        "CREATE TABLE fix_batches ("
        "id bigint NOT NULL DEFAULT nextval('fix_batches_id_seq'), oldest_at bigint NOT NULL,"
        " newest_at bigint NOT NULL, count integer NOT NULL, rows bytea NOT NULL,"
        " PRIMARY KEY (id, newest_at)) PARTITION BY RANGE (newest_at)"
    )
    op.execute("ALTER SEQUENCE fix_batches_id_seq OWNED BY fix_batches.id")
    op.execute("CREATE INDEX ix_fix_batches_newest_at ON fix_batches (newest_at)")
    _copy(op.get_bind())
    op.execute("DROP TABLE fix_batches_whole")


def _copy(connection: sa.Connection) -> None:
    made = {int(day) for query in (_DAYS, _NEXT_DAYS) for day in connection.exec_driver_sql(query).scalars()}
    for day in sorted(made):
        _make(connection, day)
    connection.exec_driver_sql(_COPY)
    # At midnight, and when a phone sent late, fixes of two days lie in one batch.
    for batch_id, packed in connection.execute(_PARTED.execution_options(yield_per=200)):
        days: dict[int, list[Any]] = defaultdict(list)
        for row in msgspec.msgpack.decode(packed):
            days[row[FIXED_AT] // DAY_MS].append(row)
        for day, rows in days.items():
            if day not in made:
                made.add(day)
                _make(connection, day)
            times = [row[FIXED_AT] for row in rows]
            values = {"id": batch_id, "oldest_at": min(times), "newest_at": max(times), "count": len(rows)}
            connection.execute(_INSERT, values | {"rows": msgspec.msgpack.encode(rows)})


def _make(connection: sa.Connection, day: int) -> None:
    date = datetime.date.fromordinal(datetime.date(1970, 1, 1).toordinal() + day)
    connection.exec_driver_sql(
        f"CREATE TABLE fix_batches_{date:%Y%m%d} PARTITION OF fix_batches"
        f" FOR VALUES FROM ({day * DAY_MS}) TO ({(day + 1) * DAY_MS})"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE fix_batches RENAME TO fix_batches_days")
    op.execute("ALTER TABLE fix_batches_days RENAME CONSTRAINT fix_batches_pkey TO fix_batches_days_pkey")
    op.execute("ALTER INDEX ix_fix_batches_newest_at RENAME TO ix_fix_batches_days_newest_at")
    op.execute(
        "CREATE TABLE fix_batches ("
        "id bigint NOT NULL DEFAULT nextval('fix_batches_id_seq'), oldest_at bigint NOT NULL,"
        " newest_at bigint NOT NULL, count integer NOT NULL, rows bytea NOT NULL, PRIMARY KEY (id))"
    )
    # A batch that was parted has one number for all its parts.
    op.execute(
        "INSERT INTO fix_batches (oldest_at, newest_at, count, rows)"
        " SELECT oldest_at, newest_at, count, rows FROM fix_batches_days ORDER BY id"
    )
    op.execute("ALTER SEQUENCE fix_batches_id_seq OWNED BY fix_batches.id")
    op.execute("CREATE INDEX ix_fix_batches_newest_at ON fix_batches (newest_at)")
    op.execute("DROP TABLE fix_batches_days")
