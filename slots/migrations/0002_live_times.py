"""What availability reads of a live visit stands in one index: thousands of visits are read without their rows."""

import sqlalchemy as sa
from alembic import op

revision = "slots_0002"
down_revision = "slots_0001"
branch_labels = None
depends_on = None

LIVE = sa.text("status IN ('scheduled', 'traveling', 'in_progress')")


def upgrade() -> None:
    _replace_index("technician_key", "start_s", "end_s", "status", "site_id")


def downgrade() -> None:
    _replace_index("technician_key", "start_s")


def _replace_index(*columns: str) -> None:
    op.drop_index("live_appointments_of_technician", "appointments")
    op.create_index(
        "live_appointments_of_technician", "appointments", list(columns), sqlite_where=LIVE, postgresql_where=LIVE
    )
