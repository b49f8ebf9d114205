"""The tables, and the proof at start-up that the overlap guard is there.

Migrations create all this; they keep their own copy, because a migration describes the past and this file today.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    literal_column,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from slots.errors import GuardMissing
from slots.store import Database

metadata = MetaData()

# SQLite numbers rows by itself only in a column declared exactly INTEGER PRIMARY KEY.
_RowNumber = BigInteger().with_variant(Integer, "sqlite")

sites = Table(
    "sites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("lat", Float),
    Column("lon", Float),
)

assets = Table(
    "assets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("site_id", Text, ForeignKey("sites.id"), nullable=False),
    Column("name", Text, nullable=False),
)

service_types = Table(
    "service_types",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("duration_s", BigInteger, nullable=False),
    Column("skill", Text),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text, nullable=False),
)

territories = Table(
    "territories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("polygon", Text, nullable=False),
)

# Skills, territories and hours are read and written only as a whole with their technician: JSON text.
technicians = Table(
    "technicians",
    metadata,
    Column("key", _RowNumber, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("phone", Text),
    Column("photo", Text),
    Column("time_zone", Text, nullable=False),
    Column("home_lat", Float),
    Column("home_lon", Float),
    Column("max_travel_m", Float),
    Column("active", Boolean, nullable=False),
    Column("abilities", Text, nullable=False),
)

holidays = Table(
    "holidays",
    metadata,
    Column("date", Text, primary_key=True),
    Column("name", Text, nullable=False),
)

appointments = Table(
    "appointments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("service_id", Text, ForeignKey("service_types.id"), nullable=False),
    Column("site_id", Text, ForeignKey("sites.id"), nullable=False),
    Column("asset_id", Text, ForeignKey("assets.id")),
    Column("technician_key", BigInteger, ForeignKey("technicians.key"), nullable=False),
    Column("start_s", BigInteger, nullable=False),
    Column("end_s", BigInteger, nullable=False),
    Column("window_start_s", BigInteger, nullable=False),
    Column("window_end_s", BigInteger, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("changed_s", BigInteger, nullable=False),
    Column("details", Text, nullable=False),
    Column("traveling_s", BigInteger),
    Column("started_s", BigInteger),
    Column("completed_s", BigInteger),
    Column("canceled_s", BigInteger),
    Column("canceled_by", Text),
    Column("canceled_role", Text),
    Column("cancel_reason", Text),
    Column("late_cancel", Boolean, nullable=False),
    Column("told_window_start_s", BigInteger),
    Column("rating", BigInteger),
    Column("rating_comment", Text),
    Column("rated_s", BigInteger),
    Column("rating_editable_until_s", BigInteger),
)

# Written out, not as parameters: only so can a database prove that an index over the live visits holds all of them, and
# years of completed ones are never looked at.
is_live = appointments.c.status.in_([literal_column(f"'{name}'") for name in ("scheduled", "traveling", "in_progress")])

holds = Table(
    "holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("holder_id", Text, nullable=False),
    Column("service_id", Text, ForeignKey("service_types.id"), nullable=False),
    Column("site_id", Text, ForeignKey("sites.id"), nullable=False),
    Column("asset_id", Text, ForeignKey("assets.id")),
    Column("technician_key", BigInteger, ForeignKey("technicians.key"), nullable=False),
    Column("start_s", BigInteger, nullable=False),
    Column("end_s", BigInteger, nullable=False),
    Column("window_start_s", BigInteger, nullable=False),
    Column("window_end_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Column("moving_id", Text),
)

appointment_changes = Table(
    "appointment_changes",
    metadata,
    Column("number", _RowNumber, primary_key=True),
    Column("appointment_id", Text, ForeignKey("appointments.id"), nullable=False),
    Column("action", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text),
    Column("device_s", BigInteger, nullable=False),
    Column("server_s", BigInteger, nullable=False),
    Column("actor_role", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("applied", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("facts", Text, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("contact_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("appointment_id", Text),
    Column("created_s", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("appointment_id", Text),
    Column("contact_id", Text),
    Column("version", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
    Column("due_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("claimed_until_s", BigInteger, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("settled_s", BigInteger),
    Column("outcome", Text),
)

# Parts of the guard by dialect: no two live visits or holds of a technician overlap, whatever the program does.
GUARD: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "appointments_guard_insert",
        "appointments_guard_update",
        "holds_guard_insert",
        "holds_guard_update",
        "one_traveling_per_technician",
    ),
    "postgresql": (
        "appointments_no_overlap",
        "holds_no_overlap",
        "appointments_guard",
        "holds_guard",
        "one_traveling_per_technician",
    ),
}

_GUARD_QUERY = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'index')",
    "postgresql": (
        "SELECT conname FROM pg_constraint WHERE contype = 'x' AND connamespace = current_schema()::regnamespace"
        " UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        " UNION SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    ),
}


async def assert_guard(database: Database) -> None:
    """To be called once at start-up: raises GuardMissing if a migration or a hand lost a part of the overlap guard."""
    async with database.read() as connection:
        present = await _guard_parts(connection, database.dialect)
    missing = tuple(name for name in GUARD[database.dialect] if name not in present)
    if missing:
        raise GuardMissing(missing)


async def _guard_parts(connection: AsyncConnection, dialect: str) -> set[str]:
    rows = await connection.execute(text(_GUARD_QUERY[dialect]))
    return {str(name) for (name,) in rows}
