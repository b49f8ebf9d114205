"""The language of whoever leaves it to their browser, for the messages."""

import sqlalchemy as sa
from alembic import op

revision = "web_0003"
down_revision = "web_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("people", sa.Column("browser_locale", sa.Text))


def downgrade() -> None:
    op.drop_column("people", "browser_locale")
