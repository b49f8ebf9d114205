"""What was told under way outlives the process that told it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "tracker_0004"
down_revision = "tracker_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "told_arrivals",
        sa.Column("trip_id", sa.String(64), primary_key=True),
        sa.Column("told_at", sa.BigInteger, primary_key=True),
        sa.Column("eta_at", sa.BigInteger, nullable=False),
        sa.Column("eta_low_at", sa.BigInteger, nullable=False),
        sa.Column("eta_high_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_told_arrivals_told_at", "told_arrivals", ["told_at"])


def downgrade() -> None:
    op.drop_table("told_arrivals")
