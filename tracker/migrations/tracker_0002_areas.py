"""The ledger knows in which area a visit was, and is read by arrival."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "tracker_0002"
down_revision = "tracker_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("predictions", sa.Column("area", sa.String(24)))
    op.create_index("ix_predictions_arrived_at", "predictions", ["arrived_at"])


def downgrade() -> None:
    op.drop_index("ix_predictions_arrived_at", "predictions")
    op.drop_column("predictions", "area")
