"""How much longer than the grace period a tracking link lives on after its visit."""

import sqlalchemy as sa
from alembic import op

revision = "web_0005"
down_revision = "web_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("links", sa.Column("longer_s", sa.BigInteger, nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    op.drop_column("links", "longer_s")
