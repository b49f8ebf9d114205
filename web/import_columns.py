"""The columns of each CSV file, as people write them and as the help text shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["text", "number", "yes_no", "ids", "time", "weekday"]


class Column(NamedTuple):
    """`kind` says how a cell is read; `about` is for the help text. A cell left empty is a field left out."""

    about: str = ""
    kind: Kind = "text"
    required: bool = False


_ID = Column(required=True)
_TECHNICIAN = Column("id of the technician", required=True)
_HOURS = {
    "technician": _TECHNICIAN,
    "weekday": Column("mon to sun, 0 (Monday) to 6, or several days: mon-fri", "weekday", required=True),
    "start": Column("08:00", "time", required=True),
    "end": Column("17:30; 24:00 is midnight; at or before the start: on the next day", "time", required=True),
}

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "switches": {
        "switch": Column("self_scheduling, technician_tracking or surveys", required=True),
        "on": Column("true or false", "yes_no", required=True),
    },
    "accounts": {
        "id": _ID,
        "name": Column(required=True),
        "status": Column("active or inactive"),
        "site": Column("id of the site that visits go to by default"),
    },
    "sites": {
        "id": _ID,
        "account": Column("id of the account", required=True),
        "name": Column(required=True),
        "time_zone": Column("such as Europe/Lisbon", required=True),
        "address": Column(),
        "lat": Column("degrees", "number"),
        "lon": Column("degrees", "number"),
    },
    "assets": {
        "id": _ID,
        "account": Column("id of the account", required=True),
        "site": Column("id of the site", required=True),
        "name": Column(required=True),
    },
    "contacts": {
        "email": Column(required=True),
        "account": Column("id of the account", required=True),
        "name": Column(),
        "phone": Column(),
        "language": Column("en, de or ar: of messages before the first sign-in"),
        "password": Column("only for a first sign-in without invitation"),
    },
    "services": {
        "id": _ID,
        "name": Column(required=True),
        "duration_min": Column("minutes on site", "number", required=True),
        "skill": Column("skill that it needs"),
        "enabled": Column("true or false", "yes_no"),
        "description": Column(),
    },
    "holidays": {
        "date": Column("2026-12-25", required=True),
        "name": Column(required=True),
    },
    "technicians": {
        "id": _ID,
        "name": Column(required=True),
        "time_zone": Column("such as Europe/Lisbon", required=True),
        "phone": Column(),
        "photo": Column("address of a picture"),
        "skills": Column("several with | between them", "ids"),
        "territories": Column("ids, several with | between them", "ids"),
        "home_lat": Column("degrees", "number"),
        "home_lon": Column("degrees", "number"),
        "max_travel_km": Column("radius around home", "number"),
        "max_visits_a_day": Column("whole number", "number"),
        "active": Column("true or false", "yes_no"),
    },
    "skills": {"technician": _TECHNICIAN, "skill": Column("one a line", required=True)},
    "shifts": _HOURS,
    "breaks": _HOURS,
    "exceptions": {
        "technician": _TECHNICIAN,
        "date": Column("2026-12-24", required=True),
        "kind": Column("off or extra", required=True),
        "start": Column("08:00; off without times is the whole day", "time"),
        "end": Column("12:00", "time"),
    },
    "staff": {
        "email": Column(required=True),
        "name": Column(required=True),
        "role": Column("technician, dispatcher or admin", required=True),
        "technician": Column("id of the technician, for that role"),
        "password": Column("only for a first sign-in without invitation"),
    },
}


def help_on_columns() -> str:
    """For the command's help; a * marks what every line must have."""
    lines = []
    for kind, columns in COLUMNS.items():
        lines.append(f"  {kind}.csv")
        for name, column in columns.items():
            mark = "*" if column.required else ""
            lines.append(f"    {name + mark:<17} {column.about}".rstrip())
    return "\n".join(lines)
