"""Which visit is the Active one, for every process the same."""

import sqlalchemy as sa
from alembic import op

revision = "web_0007"
down_revision = "web_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "active_visits",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("appointment_id", sa.Text, nullable=False),
        sa.Column("chosen_s", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("active_visits")
