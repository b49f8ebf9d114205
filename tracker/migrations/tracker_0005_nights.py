"""Of several processes one learns by night."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "tracker_0005"
down_revision = "tracker_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nights",
        sa.Column("night_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )


def downgrade() -> None:
    op.drop_table("nights")
