"""The verdict finds what it is there for: each kind of damage, in a history that was whole before."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import create_engine, text

from slots.slot_id import encode_slot
from slots.store import sync_url
from tests.booking_storms import verdict
from tests.booking_storms.conftest import Town
from tests.booking_storms.ledger import Asked, Ledger, Told
from tests.booking_storms.verdict import Contents

HOUR_S = 3600


def _slot(technician: int, hour: int) -> str:
    return encode_slot(
        service_id="check", site_id="s0", asset_id=None, technician_key=technician, start_s=hour * HOUR_S
    )


def _line(number: int, visit: str, version: int, action: str, before: str | None, after: str, **facts: Any) -> Any:
    return SimpleNamespace(
        number=number,
        appointment_id=visit,
        version=version,
        action=action,
        from_status=before,
        to_status=after,
        actor_role="customer",
        actor_id="c",
        source="api",
        server_s=1,
        facts=msgspec.json.encode(facts).decode(),
    )


def _visit(name: str, version: int, status: str, hour: int) -> Any:
    return SimpleNamespace(
        id=name,
        version=version,
        status=status,
        technician_key=1,
        start_s=hour * HOUR_S,
        end_s=(hour + 1) * HOUR_S,
        details=f"key-{name}",
        contact_id="c",
    )


def _whole() -> tuple[Contents, Ledger]:
    """One visit booked at ten and moved to noon; another booked at ten after that; a third canceled."""
    contents = Contents(
        technicians={"t0": 1},
        visits={
            "a": _visit("a", 2, "scheduled", 12),
            "b": _visit("b", 1, "scheduled", 10),
            "c": _visit("c", 2, "canceled", 14),
        },
        trail=[
            _line(1, "a", 1, "book", None, "scheduled", start_s=10 * HOUR_S, technician="t0"),
            _line(2, "a", 2, "move", "scheduled", "scheduled", start_s=12 * HOUR_S, technician="t0"),
            _line(3, "b", 1, "book", None, "scheduled", start_s=10 * HOUR_S, technician="t0"),
            _line(4, "c", 1, "book", None, "scheduled", start_s=14 * HOUR_S, technician="t0"),
            _line(5, "c", 2, "cancel", "scheduled", "canceled", reason="storm"),
        ],
        keys=[SimpleNamespace(key=f"key-{name}", appointment_id=name, contact_id="c") for name in "abc"],
        holds=[SimpleNamespace(id="h", expires_s=int(time.time()))],
        messages=[
            *(SimpleNamespace(appointment_id=name, kind="confirmed", version=1, state="sent") for name in "abc"),
            SimpleNamespace(appointment_id="c", kind="canceled", version=2, state="pending"),
        ],
    )
    ledger = Ledger()
    for name, version, asked in (
        ("a", 1, Asked("book", key="key-a", slot=_slot(1, 10))),
        ("a", 2, Asked("move", visit_id="a", slot=_slot(1, 12))),
        ("b", 1, Asked("book", key="key-b", slot=_slot(1, 10))),
        ("c", 1, Asked("book", key="key-c", slot=_slot(1, 14))),
        ("c", 2, Asked("cancel", visit_id="c")),
    ):
        ledger.tell(Told(name, version, asked))
    return contents, ledger


def _overlap_for_a_while(contents: Contents, ledger: Ledger) -> None:
    """The second was booked before the first had moved away: at the end nothing shows."""
    contents.trail[1], contents.trail[2] = contents.trail[2], contents.trail[1]


def _lose_an_acknowledged_booking(contents: Contents, ledger: Ledger) -> None:
    del contents.visits["b"], contents.trail[2], contents.keys[1], contents.messages[1]


def _book_what_nobody_asked_for(contents: Contents, ledger: Ledger) -> None:
    del ledger.told[2]


def _move_elsewhere_than_told(contents: Contents, ledger: Ledger) -> None:
    ledger.told[1] = Told("a", 2, Asked("move", visit_id="a", slot=_slot(1, 13)))


def _book_one_key_twice(contents: Contents, ledger: Ledger) -> None:
    contents.visits["b"].details = "key-a"


def _lose_a_line_of_history(contents: Contents, ledger: Ledger) -> None:
    del contents.trail[1]


def _leave_a_move_half_done(contents: Contents, ledger: Ledger) -> None:
    contents.visits["a"].start_s = 10 * HOUR_S


def _leave_a_key_without_a_visit(contents: Contents, ledger: Ledger) -> None:
    contents.keys[0].appointment_id = None


def _lose_a_key(contents: Contents, ledger: Ledger) -> None:
    del contents.keys[0]


def _hold_for_ever(contents: Contents, ledger: Ledger) -> None:
    contents.holds[0].expires_s = 2**40


def _lose_a_confirmation(contents: Contents, ledger: Ledger) -> None:
    del contents.messages[0]


def _remind_of_a_canceled_visit(contents: Contents, ledger: Ledger) -> None:
    contents.messages[2].state = "pending"


DAMAGES = (
    _overlap_for_a_while,
    _lose_an_acknowledged_booking,
    _book_what_nobody_asked_for,
    _move_elsewhere_than_told,
    _book_one_key_twice,
    _lose_a_line_of_history,
    _leave_a_move_half_done,
    _leave_a_key_without_a_visit,
    _lose_a_key,
    _hold_for_ever,
    _lose_a_confirmation,
    _remind_of_a_canceled_visit,
)


def test_a_whole_history_has_no_problem() -> None:
    assert verdict.problems_in(*_whole()) == []


@pytest.mark.parametrize("damage", DAMAGES, ids=[damage.__name__[1:] for damage in DAMAGES])
def test_damage_is_found(damage: Callable[[Contents, Ledger], None]) -> None:
    contents, ledger = _whole()

    damage(contents, ledger)

    assert verdict.problems_in(contents, ledger) != []


def test_what_was_asked_and_never_answered_may_be_there_or_not() -> None:
    contents, ledger = _whole()
    ledger.unanswered |= {ledger.told.pop(2).asked, Asked("book", key="never-arrived", slot=_slot(1, 16))}

    assert verdict.problems_in(contents, ledger) == []


def test_overlaps_in_the_database_itself_are_found_by_sql(on_sqlite: Town) -> None:
    engine = create_engine(sync_url(on_sqlite.database))
    columns = (
        "service_id, site_id, technician_key, start_s, end_s, window_start_s, window_end_s",
        "'check', 's0', 1, :start_s, :start_s + 3600, 0, 7200",
    )
    insert_visit = text(
        "INSERT INTO appointments (id, version, status, account_id, contact_id, created_s, changed_s, details,"
        f" late_cancel, {columns[0]}) VALUES (:id, 1, 'scheduled', 'a0', 'c', 0, 0, '', 0, {columns[1]})"
    )
    insert_hold = text(f"INSERT INTO holds (id, holder_id, expires_s, {columns[0]}) VALUES (:id, 'c', 1, {columns[1]})")
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER appointments_guard_insert"))
        connection.execute(text("DROP TRIGGER holds_guard_insert"))
        connection.execute(insert_visit, [{"id": "a", "start_s": 0}, {"id": "b", "start_s": 1800}])
        connection.execute(insert_hold, [{"id": "g", "start_s": 1800}, {"id": "h", "start_s": 5000}])
    engine.dispose()

    found = verdict.read(on_sqlite.database).problems

    assert found == [
        "visits a and b overlap",
        "holds g and h overlap",
        "hold g overlaps visit a",
        "hold g overlaps visit b",
        "hold h overlaps visit b",
    ]
