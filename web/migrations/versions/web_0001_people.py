"""Accounts, people, secrets, links, switches."""

import sqlalchemy as sa
from alembic import op

revision = "web_0001"
down_revision = None
branch_labels = ("web",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("site_id", sa.Text),
        sa.CheckConstraint("status IN ('active', 'inactive')", name="accounts_status"),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("phone", sa.Text),
        sa.Column("locale", sa.Text),
        sa.Column("photo_url", sa.Text),
        sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), index=True),
        sa.Column("technician_id", sa.Text),
        sa.Column("password_hash", sa.Text),
        sa.Column("created_s", sa.BigInteger, nullable=False),
        sa.Column("first_sign_in_s", sa.BigInteger),
        sa.CheckConstraint("(role = 'customer') = (account_id IS NOT NULL)", name="people_customers_have_accounts"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False, unique=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("created_s", sa.BigInteger, nullable=False),
        sa.Column("expires_s", sa.BigInteger),
        sa.Column("used_s", sa.BigInteger),
    )
    op.create_index("tokens_by_subject", "tokens", ["kind", "subject"])
    op.create_table(
        "links",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("token_hash", sa.Text, nullable=False, unique=True),
        sa.Column("appointment_id", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Text),
        sa.Column("created_s", sa.BigInteger, nullable=False),
        sa.Column("expires_s", sa.BigInteger, nullable=False),
        sa.Column("extended", sa.Boolean, nullable=False),
        sa.Column("blocked_s", sa.BigInteger),
        sa.Column("opened_s", sa.BigInteger),
    )
    op.create_index("links_by_appointment", "links", ["appointment_id"])
    op.create_table(
        "switches",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    for table in ("switches", "links", "tokens", "people", "accounts"):
        op.drop_table(table)
