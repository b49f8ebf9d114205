"""The first schema of scheduling, with the guard that keeps a technician's live visits and holds apart."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "slots_0001"
down_revision = None
branch_labels = ("slots",)
depends_on = None

LIVE = "status IN ('scheduled', 'traveling', 'in_progress')"


def upgrade() -> None:
    _create_setup()
    _create_visits()
    _create_outbox()
    if op.get_bind().dialect.name == "sqlite":
        for statement in _sqlite_guard():
            op.execute(statement)
    else:
        for statement in _postgresql_guard():
            op.execute(statement)


def downgrade() -> None:
    for table in (
        "outbox",
        "idempotency_keys",
        "appointment_changes",
        "holds",
        "appointments",
        "holidays",
        "technicians",
        "territories",
        "service_types",
        "assets",
        "sites",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION guard_appointment()")
        op.execute("DROP FUNCTION guard_hold()")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, **({"nullable": False} | options))


def _number(name: str, *arguments: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, *arguments, **({"nullable": False} | options))


def _row_number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def _create_setup() -> None:
    op.create_table(
        "sites",
        _text("id", primary_key=True),
        _text("account_id"),
        _text("name"),
        _text("address"),
        _text("time_zone"),
        sa.Column("lat", sa.Float),
        sa.Column("lon", sa.Float),
        sa.CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="sites_lat_and_lon"),
    )
    op.create_index("sites_of_account", "sites", ["account_id"])
    op.create_table(
        "assets",
        _text("id", primary_key=True),
        _text("account_id"),
        sa.Column("site_id", sa.Text, sa.ForeignKey("sites.id"), nullable=False),
        _text("name"),
    )
    op.create_index("assets_of_account", "assets", ["account_id"])
    op.create_table(
        "service_types",
        _text("id", primary_key=True),
        _text("name"),
        _number("duration_s"),
        _text("skill", nullable=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        _text("description"),
        sa.CheckConstraint("duration_s > 0", name="service_types_duration"),
    )
    op.create_table("territories", _text("id", primary_key=True), _text("name"), _text("polygon"))
    op.create_table(
        "technicians",
        _row_number("key"),
        _text("id", unique=True),
        _text("name"),
        _text("phone", nullable=True),
        _text("photo", nullable=True),
        _text("time_zone"),
        sa.Column("home_lat", sa.Float),
        sa.Column("home_lon", sa.Float),
        sa.Column("max_travel_m", sa.Float),
        sa.Column("active", sa.Boolean, nullable=False),
        _text("abilities"),
        sqlite_autoincrement=True,
    )
    op.create_table("holidays", _text("date", primary_key=True), _text("name"))


def _place_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("service_id", sa.Text, sa.ForeignKey("service_types.id"), nullable=False),
        sa.Column("site_id", sa.Text, sa.ForeignKey("sites.id"), nullable=False),
        sa.Column("asset_id", sa.Text, sa.ForeignKey("assets.id")),
        _number("technician_key", sa.ForeignKey("technicians.key")),
        _number("start_s"),
        _number("end_s"),
        _number("window_start_s"),
        _number("window_end_s"),
    ]


def _create_visits() -> None:
    op.create_table(
        "appointments",
        _text("id", primary_key=True),
        _number("version"),
        _text("status"),
        _text("account_id"),
        _text("contact_id"),
        *_place_columns(),
        _number("created_s"),
        _number("changed_s"),
        _text("details"),
        *(_number(name, nullable=True) for name in ("traveling_s", "started_s", "completed_s", "canceled_s")),
        *(_text(name, nullable=True) for name in ("canceled_by", "canceled_role", "cancel_reason")),
        sa.Column("late_cancel", sa.Boolean, nullable=False),
        _number("told_window_start_s", nullable=True),
        _number("rating", nullable=True),
        _text("rating_comment", nullable=True),
        _number("rated_s", nullable=True),
        _number("rating_editable_until_s", nullable=True),
        sa.CheckConstraint(
            "status IN ('scheduled', 'traveling', 'in_progress', 'completed', 'canceled')",
            name="appointments_status",
        ),
        sa.CheckConstraint("start_s < end_s AND window_start_s < window_end_s", name="appointments_span"),
        sa.CheckConstraint("rating IS NULL OR rating BETWEEN 1 AND 5", name="appointments_rating"),
        sa.CheckConstraint("status <> 'canceled' OR cancel_reason IS NOT NULL", name="appointments_cancel_reason"),
    )
    live = sa.text(LIVE)
    op.create_index(
        "live_appointments_of_technician",
        "appointments",
        ["technician_key", "start_s"],
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("live_appointments_by_start", "appointments", ["start_s"], sqlite_where=live, postgresql_where=live)
    op.create_index("appointments_of_technician", "appointments", ["technician_key", "start_s"])
    op.create_index("appointments_of_account", "appointments", ["account_id", "window_start_s"])
    op.create_index("appointments_by_start", "appointments", ["start_s"])
    traveling = sa.text("status = 'traveling'")
    op.create_index(
        "one_traveling_per_technician",
        "appointments",
        ["technician_key"],
        unique=True,
        sqlite_where=traveling,
        postgresql_where=traveling,
    )
    op.create_table(
        "holds",
        _text("id", primary_key=True),
        _text("holder_id"),
        *_place_columns(),
        _number("expires_s"),
        # The visit that is to be moved to this place: its own time is no conflict.
        _text("moving_id", nullable=True),
        sa.CheckConstraint("start_s < end_s", name="holds_span"),
    )
    op.create_index("holds_of_technician", "holds", ["technician_key", "start_s"])
    op.create_index("holds_of_holder", "holds", ["holder_id"])
    op.create_table(
        "appointment_changes",
        _row_number("number"),
        sa.Column("appointment_id", sa.Text, sa.ForeignKey("appointments.id"), nullable=False),
        _text("action"),
        _text("from_status", nullable=True),
        _text("to_status", nullable=True),
        _number("device_s"),
        _number("server_s"),
        _text("actor_role"),
        _text("actor_id"),
        _text("source"),
        sa.Column("applied", sa.Boolean, nullable=False),
        _number("version"),
        _text("facts"),
    )
    op.create_index("changes_of_appointment", "appointment_changes", ["appointment_id", "device_s"])
    op.create_table(
        "idempotency_keys",
        _text("contact_id", primary_key=True),
        _text("key", primary_key=True),
        _text("fingerprint"),
        _text("appointment_id", nullable=True),
        _number("created_s"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        _text("key", primary_key=True),
        _text("kind"),
        _text("appointment_id", nullable=True),
        _text("contact_id", nullable=True),
        _number("version"),
        _text("payload"),
        _number("due_s"),
        _number("expires_s"),
        _text("state"),
        _number("attempts"),
        _number("claimed_until_s"),
        _number("created_s"),
        _number("settled_s", nullable=True),
        _text("outcome", nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sent', 'dead')", name="outbox_state"),
    )
    pending = sa.text("state = 'pending'")
    op.create_index("outbox_pending", "outbox", ["due_s"], sqlite_where=pending, postgresql_where=pending)
    op.create_index("outbox_of_appointment", "outbox", ["appointment_id"])


def _sqlite_guard() -> list[str]:
    def overlap(table: str, where: str, *, not_itself: str) -> str:
        return (
            f"SELECT 1 FROM {table} AS other WHERE other.technician_key = NEW.technician_key"  # noqa: S608
            f" AND other.start_s < NEW.end_s AND other.end_s > NEW.start_s{where}{not_itself}"
        )

    live = " AND other." + LIVE
    not_itself = " AND other.id <> NEW.id"
    visits = overlap("appointments", live, not_itself=not_itself)
    other_visits = overlap("appointments", live, not_itself=" AND other.id IS NOT NEW.moving_id")
    kept = overlap("holds", "", not_itself=" AND other.moving_id IS NOT NEW.id")
    other_kept = overlap("holds", "", not_itself=not_itself)

    def trigger(name: str, moment: str, condition: str, *queries: str) -> str:
        checks = " ".join(f"SELECT RAISE(ABORT, 'slot_taken') WHERE EXISTS ({query});" for query in queries)
        return f"CREATE TRIGGER {name} BEFORE {moment} FOR EACH ROW {condition} BEGIN {checks} END"

    when_live = "WHEN NEW." + LIVE
    changed = "UPDATE OF technician_key, start_s, end_s"
    return [
        trigger("appointments_guard_insert", "INSERT ON appointments", when_live, visits, kept),
        trigger("appointments_guard_update", f"{changed}, status ON appointments", when_live, visits, kept),
        trigger("holds_guard_insert", "INSERT ON holds", "", other_visits, other_kept),
        trigger("holds_guard_update", f"{changed} ON holds", "", other_visits, other_kept),
    ]


def _postgresql_guard() -> list[str]:
    ranges = (
        "EXCLUDE USING gist (int8range(technician_key, technician_key, '[]') WITH &&,"
        " int8range(start_s, end_s) WITH &&)"
    )

    # An exclusion constraint sees one table; between visits and holds a trigger looks, holding the technician's row
    # so that two writers cannot both look before either has written.
    def function(name: str, condition: str, other: str) -> str:
        return f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $guard$
            BEGIN
                IF {condition} THEN
                    PERFORM 1 FROM technicians WHERE key = NEW.technician_key FOR UPDATE;
                    IF EXISTS (SELECT 1 FROM {other} AND other.technician_key = NEW.technician_key
                               AND other.start_s < NEW.end_s AND other.end_s > NEW.start_s) THEN
                        RAISE EXCEPTION 'slot_taken' USING ERRCODE = 'exclusion_violation';
                    END IF;
                END IF;
                RETURN NEW;
            END $guard$
        """  # noqa: S608

    return [
        f"ALTER TABLE appointments ADD CONSTRAINT appointments_no_overlap {ranges} WHERE ({LIVE})",
        f"ALTER TABLE holds ADD CONSTRAINT holds_no_overlap {ranges}",
        function("guard_appointment", "NEW." + LIVE, "holds AS other WHERE other.moving_id IS DISTINCT FROM NEW.id"),
        function(
            "guard_hold",
            "true",
            f"appointments AS other WHERE other.{LIVE} AND other.id IS DISTINCT FROM NEW.moving_id",
        ),
        "CREATE TRIGGER appointments_guard BEFORE INSERT OR UPDATE OF technician_key, start_s, end_s, status"
        " ON appointments FOR EACH ROW EXECUTE FUNCTION guard_appointment()",
        "CREATE TRIGGER holds_guard BEFORE INSERT OR UPDATE OF technician_key, start_s, end_s"
        " ON holds FOR EACH ROW EXECUTE FUNCTION guard_hold()",
    ]
