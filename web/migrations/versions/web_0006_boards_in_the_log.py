"""The log of watches holds boards too, which show no single visit, and is read visit by visit."""

import sqlalchemy as sa
from alembic import op

revision = "web_0006"
down_revision = "web_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("watch_log") as table:
        table.alter_column("appointment_id", existing_type=sa.Text, nullable=True)
    op.create_index("watch_log_by_appointment", "watch_log", ["appointment_id", "at_ms"])


def downgrade() -> None:
    op.drop_index("watch_log_by_appointment", "watch_log")
    op.execute("DELETE FROM watch_log WHERE appointment_id IS NULL")
    with op.batch_alter_table("watch_log") as table:
        table.alter_column("appointment_id", existing_type=sa.Text, nullable=False)
