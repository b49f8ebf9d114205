"""Ratings by the time they were given: a board asks for the unhappy ones of some days, whenever the visit was."""

import sqlalchemy as sa
from alembic import op

revision = "slots_0003"
down_revision = "slots_0002"
branch_labels = None
depends_on = None

RATED = sa.text("rated_s IS NOT NULL")


def upgrade() -> None:
    op.create_index("rated_appointments", "appointments", ["rated_s"], sqlite_where=RATED, postgresql_where=RATED)


def downgrade() -> None:
    op.drop_index("rated_appointments", "appointments")
