"""Who watched whom."""

import sqlalchemy as sa
from alembic import op

revision = "web_0002"
down_revision = "web_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watch_log",
        sa.Column("appointment_id", sa.Text, nullable=False),
        sa.Column("technician_id", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("person_id", sa.Text),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("watch_log_by_technician", "watch_log", ["technician_id", "at_ms"])


def downgrade() -> None:
    op.drop_table("watch_log")
