"""Holds the database against what customers were told, and against itself. Reads it directly, with no use case of ours
in between."""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import create_engine, text

from slots.slot_id import decode_slot
from slots.store import sync_url
from tests.booking_storms.ledger import Asked, Ledger
from tests.booking_storms.town import HOLD_S

LIVE = ("scheduled", "traveling", "in_progress")
_LIVE_SQL = "('scheduled', 'traveling', 'in_progress')"

# Half-open spans of one technician that share an instant.
_SHARE = "a.technician_key = b.technician_key AND a.start_s < b.end_s AND b.start_s < a.end_s"
_OVERLAPS = (
    f"SELECT a.id, b.id FROM appointments a JOIN appointments b ON {_SHARE} AND a.id < b.id"
    f" WHERE a.status IN {_LIVE_SQL} AND b.status IN {_LIVE_SQL}"
)
_OVERLAPPING_HOLDS = f"SELECT a.id, b.id FROM holds a JOIN holds b ON {_SHARE} AND a.id < b.id"
_HELD_VISITS = (
    f"SELECT a.id, b.id FROM holds a JOIN appointments b ON {_SHARE}"
    f" WHERE b.status IN {_LIVE_SQL} AND (a.moving_id IS NULL OR a.moving_id <> b.id)"
)


@dataclass
class Contents:
    """Everything the verdict looks at, read in one transaction. `technicians`: key by id."""

    technicians: dict[str, int]
    visits: dict[str, Any]
    trail: list[Any]
    keys: list[Any]
    holds: list[Any]
    messages: list[Any]
    problems: list[str] = field(default_factory=list)


def read(url: str) -> Contents:
    """What the database holds. Its own checks of itself and the overlaps by SQL are among the `problems`."""
    engine = create_engine(sync_url(url))
    problems = []
    try:
        with engine.connect() as connection:

            def rows(query: str) -> list[Any]:
                return list(connection.execute(text(query)))

            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
                problems += [str(row[0]) for row in rows("PRAGMA integrity_check") if row[0] != "ok"]
                problems += [f"broken reference: {row}" for row in rows("PRAGMA foreign_key_check")]
            else:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            problems += [f"visits {a} and {b} overlap" for a, b in rows(_OVERLAPS)]
            problems += [f"holds {a} and {b} overlap" for a, b in rows(_OVERLAPPING_HOLDS)]
            problems += [f"hold {a} overlaps visit {b}" for a, b in rows(_HELD_VISITS)]
            return Contents(
                technicians={row.id: row.key for row in rows("SELECT id, key FROM technicians")},
                visits={row.id: row for row in rows("SELECT * FROM appointments")},
                trail=rows("SELECT * FROM appointment_changes ORDER BY number"),
                keys=rows("SELECT * FROM idempotency_keys"),
                holds=rows("SELECT * FROM holds"),
                messages=rows("SELECT appointment_id, kind, version, state FROM outbox"),
                problems=problems,
            )
    finally:
        engine.dispose()


def problems_of(url: str, ledger: Ledger) -> list[str]:
    """Empty: not one overlap, nothing told that is not there, nothing there that nobody asked for, nothing half done,
    and none of the faults that the customers saw."""
    return [*ledger.faults, *problems_in(read(url), ledger)]


def problems_in(contents: Contents, ledger: Ledger) -> list[str]:
    """The same, of what was read; without the faults that the customers saw."""
    return [
        *contents.problems,
        *overlaps_ever(contents),
        *false_tellings(contents, ledger),
        *broken_trails(contents),
        *broken_keys(contents),
        *broken_holds(contents),
        *missing_messages(contents),
    ]


def overlaps_ever(contents: Contents) -> list[str]:
    """Play the history again: at no moment may a technician have had two visits at once, not only at the end.

    The numbers of the history are given while the technician is locked, so per technician they are in true order.
    """
    places: dict[str, tuple[int, int]] = {}  # visit -> (technician, start)
    days: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)  # technician -> visit -> span
    problems = []
    for row in contents.trail:
        visit = contents.visits.get(row.appointment_id)
        if visit is None:
            problems.append(f"a history without a visit: {row.appointment_id}")
            continue
        if visit.id in places:
            days[places.pop(visit.id)[0]].pop(visit.id)
        if row.to_status not in LIVE:
            continue
        facts = _facts(row)
        technician, start_s = contents.technicians[facts["technician"]], facts["start_s"]
        span = (start_s, start_s + visit.end_s - visit.start_s)
        for other, (other_start_s, other_end_s) in days[technician].items():
            if span[0] < other_end_s and other_start_s < span[1]:
                problems.append(f"change {row.number}: {visit.id} was put over {other}")
        places[visit.id] = (technician, start_s)
        days[technician][visit.id] = span
    live = {
        visit.id: (visit.technician_key, visit.start_s) for visit in contents.visits.values() if visit.status in LIVE
    }
    if places != live:
        problems.append("the history played again does not end where the visits are")
    return problems


def false_tellings(contents: Contents, ledger: Ledger) -> list[str]:
    """What customers were told against the history of each visit, both ways."""
    problems = []
    told = {(one.visit_id, one.version): one for one in ledger.told}
    twice = Counter((one.visit_id, one.version, one.asked) for one in ledger.told if one.asked.action != "book")
    problems += [f"told twice: {what}" for what, count in twice.items() if count > 1]
    trail = {(row.appointment_id, row.version): row for row in contents.trail}
    for place, one in told.items():
        row = trail.get(place)
        if row is None:
            problems.append(f"acknowledged and lost: {one}")
        elif not _is_what_was_asked(row, one.asked, contents):
            problems.append(f"acknowledged {one}, kept as {row}")
    for place, row in trail.items():
        if place not in told and not any(
            _is_what_was_asked(row, asked, contents) for asked in _askings(row, ledger, contents)
        ):
            problems.append(f"nobody asked for {row}")
    by_details = Counter(visit.details for visit in contents.visits.values())
    problems += [f"{count} visits of the booking {key}" for key, count in by_details.items() if count > 1]
    return problems


def broken_trails(contents: Contents) -> list[str]:
    """Every version of every visit has its line; each line begins where the one before ended, the last one at the
    visit as it is."""
    problems = []
    lines: dict[str, list[Any]] = defaultdict(list)
    for row in contents.trail:
        lines[row.appointment_id].append(row)
    for visit in contents.visits.values():
        mine = lines[visit.id]
        if [row.version for row in mine] != list(range(1, visit.version + 1)):
            problems.append(f"{visit.id} at {visit.version} has the history {[row.version for row in mine]}")
            continue
        if mine[0].action != "book" or mine[0].from_status is not None:
            problems.append(f"{visit.id} begins with {mine[0]}")
        if any(a.to_status != b.from_status for a, b in itertools.pairwise(mine)) or mine[-1].to_status != visit.status:
            problems.append(f"the states of {visit.id} do not follow each other")
        if not all(row.actor_role and row.actor_id and row.source and row.server_s for row in mine):
            problems.append(f"the history of {visit.id} does not say who, when and from where")
        placed = [_facts(row) for row in mine if "start_s" in _facts(row)]
        if placed[-1]["start_s"] != visit.start_s:
            problems.append(f"{visit.id} is not where its history put it")
    return problems


def broken_keys(contents: Contents) -> list[str]:
    problems = [f"the key {row.key} has no visit" for row in contents.keys if row.appointment_id not in contents.visits]
    for row in contents.keys:
        visit = contents.visits.get(row.appointment_id)
        if visit is not None and (visit.details, visit.contact_id) != (row.key, row.contact_id):
            problems.append(f"the key {row.key} belongs to the visit of another booking")
    known = {row.key for row in contents.keys}
    return problems + [
        f"{visit.id} has lost its key" for visit in contents.visits.values() if visit.details not in known
    ]


def broken_holds(contents: Contents) -> list[str]:
    latest_s = int(time.time()) + HOLD_S + 1
    return [f"hold {hold.id} ends too late or never" for hold in contents.holds if not 0 < hold.expires_s <= latest_s]


def missing_messages(contents: Contents) -> list[str]:
    """Each booking owes its confirmation, each cancel its news, and no message waits for a visit that is gone."""
    kinds: dict[str, set[str]] = defaultdict(set)
    pending: dict[str, set[str]] = defaultdict(set)
    for row in contents.messages:
        kinds[row.appointment_id].add(row.kind)
        if row.state == "pending":
            pending[row.appointment_id].add(row.kind)
    problems = [f"a message about {visit_id}, which is not there" for visit_id in kinds.keys() - contents.visits.keys()]
    for visit in contents.visits.values():
        owed = {"confirmed"} | ({"canceled"} if visit.status == "canceled" else set())
        if not owed <= kinds[visit.id]:
            problems.append(f"{visit.id} has no message {', '.join(owed - kinds[visit.id])}")
        if visit.status == "canceled" and pending[visit.id] - {"canceled"}:
            problems.append(f"{', '.join(pending[visit.id])} still waits for {visit.id}, which is canceled")
    return problems


def _askings(row: Any, ledger: Ledger, contents: Contents) -> list[Asked]:
    """What was asked, and never answered, that could have made this line."""
    visit = contents.visits.get(row.appointment_id)
    key = visit.details if visit is not None else None
    return [
        asked
        for asked in ledger.unanswered
        if asked.action == row.action and row.appointment_id == (asked.visit_id or row.appointment_id)
        if asked.key is None or asked.key == key
    ]


def _is_what_was_asked(row: Any, asked: Asked, contents: Contents) -> bool:
    visit = contents.visits.get(row.appointment_id)
    if visit is None or row.action != asked.action:
        return False
    if asked.key is not None and visit.details != asked.key:
        return False
    if asked.slot is None:
        return asked.visit_id == visit.id
    wanted, facts = decode_slot(asked.slot), _facts(row)
    return (facts["start_s"], contents.technicians[facts["technician"]]) == (wanted.start_s, wanted.technician_key)


def _facts(row: Any) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.json.decode(row.facts)
    return facts
