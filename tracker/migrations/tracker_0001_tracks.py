"""Fixes, last states, duties, predictions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "tracker_0001"
down_revision = None
branch_labels = ("tracker",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fix_batches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("oldest_at", sa.BigInteger, nullable=False),
        sa.Column("newest_at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_fix_batches_newest_at", "fix_batches", ["newest_at"])
    op.create_table(
        "last_states",
        sa.Column("technician_id", sa.String(64), primary_key=True),
        sa.Column("trip_id", sa.String(64)),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "duties",
        sa.Column("technician_id", sa.String(64), primary_key=True),
        sa.Column("duty", sa.String(16), nullable=False),
        sa.Column("since_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "predictions",
        sa.Column("trip_id", sa.String(64), primary_key=True),
        sa.Column("minutes_before", sa.Integer, primary_key=True),
        sa.Column("technician_id", sa.String(64), nullable=False),
        sa.Column("predicted_at", sa.BigInteger, nullable=False),
        sa.Column("eta_at", sa.BigInteger, nullable=False),
        sa.Column("eta_low_at", sa.BigInteger, nullable=False),
        sa.Column("eta_high_at", sa.BigInteger, nullable=False),
        sa.Column("arrived_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("predictions", "duties", "last_states", "fix_batches"):
        op.drop_table(table)
