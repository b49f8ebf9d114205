"""The log of watches is purged by time; nothing asks it technician by technician."""

from alembic import op

revision = "web_0008"
down_revision = "web_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("watch_log_by_technician", "watch_log")
    op.create_index("watch_log_by_time", "watch_log", ["at_ms"])


def downgrade() -> None:
    op.drop_index("watch_log_by_time", "watch_log")
    op.create_index("watch_log_by_technician", "watch_log", ["technician_id", "at_ms"])
