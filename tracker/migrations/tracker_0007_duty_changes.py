"""Not only the duty of the day: what was fixed during a break may be handed in long after it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "tracker_0007"
down_revision = "tracker_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duty_changes",
        sa.Column("technician_id", sa.String(64), primary_key=True),
        sa.Column("since_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("duty", sa.String(16), nullable=False),
    )
    op.execute(
        "INSERT INTO duty_changes (technician_id, since_at, duty) SELECT technician_id, since_at, duty FROM duties"
    )
    op.drop_table("duties")


def downgrade() -> None:
    op.create_table(
        "duties",
        sa.Column("technician_id", sa.String(64), primary_key=True),
        sa.Column("duty", sa.String(16), nullable=False),
        sa.Column("since_at", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO duties (technician_id, duty, since_at)"
        " SELECT technician_id, duty, since_at FROM duty_changes AS one WHERE since_at ="
        " (SELECT max(since_at) FROM duty_changes AS own WHERE own.technician_id = one.technician_id)"
    )
    op.drop_table("duty_changes")
