from __future__ import annotations

from typing import Any

import pytest

from slots.events import (
    AppointmentBooked,
    AppointmentCanceled,
    AppointmentCompleted,
    AppointmentMoved,
    AppointmentReassigned,
    Event,
    TravelStarted,
    TravelUndone,
)
from slots.model import Rules, Status
from slots.notices import Telling, retell, still_wanted, tell
from tests.slots.factories import CUSTOMER, NOW_S, TECHNICIAN, a_view, an_appointment, at

RULES = Rules()


def told(kind: type[Event], *, server_s: int = NOW_S, visit: dict[str, Any] | None = None, **facts: Any) -> Telling:
    pending = facts.pop("pending", frozenset())
    rules = facts.pop("rules", RULES)
    event = kind(
        view=a_view(**(visit or {})),
        **({"actor": CUSTOMER, "device_s": server_s, "server_s": server_s} | facts),
    )
    return tell(event, rules=rules, pending=pending)


def moved(to_s: int, *, told_s: int | None = at(10), **facts: Any) -> Telling:
    return told(
        AppointmentMoved,
        visit={
            "version": 2,
            "window_start_s": to_s,
            "window_end_s": to_s + 7200,
            "told_window_start_s": told_s,
        },
        old_start_s=at(10),
        old_window_start_s=at(10),
        old_window_end_s=at(12),
        old_technician=a_view().technician,
        **facts,
    )


def kinds(telling: Telling) -> list[str]:
    return [notice.kind for notice in telling.notices]


def test_a_booking_is_confirmed_at_once_and_reminded_a_day_before() -> None:
    telling = told(AppointmentBooked, visit={"window_start_s": at(10, day=3), "window_end_s": at(12, day=3)})

    assert [(n.kind, n.due_s) for n in telling.notices] == [("confirmed", NOW_S), ("reminder", at(10, day=2))]


def test_who_books_for_tomorrow_is_not_reminded_of_it() -> None:
    assert kinds(told(AppointmentBooked)) == ["confirmed"]


def test_the_key_of_a_message_is_visit_kind_and_version() -> None:
    assert told(AppointmentBooked, visit={"version": 7}).notices[0].key == "visit.confirmed.7"


def test_a_reminder_does_not_come_at_night() -> None:
    telling = told(AppointmentBooked, visit={"window_start_s": at(6, day=3), "window_end_s": at(8, day=3)})

    assert telling.notices[1].due_s == at(8, day=2)


def test_a_reminder_that_quiet_hours_would_make_too_late_comes_the_evening_before() -> None:
    rules = Rules(reminder_s=2 * 3600)

    telling = told(
        AppointmentBooked,
        visit={"window_start_s": at(8.5, day=3), "window_end_s": at(10, day=3)},
        rules=rules,
    )

    assert telling.notices[1].due_s == at(21, day=2)


@pytest.mark.parametrize(("minutes", "expected"), [(10, []), (11, ["moved"]), (-10, []), (-11, ["moved"])])
def test_a_move_is_announced_when_it_differs_by_more_than_ten_minutes_from_what_was_told(
    minutes: int, expected: list[str]
) -> None:
    assert kinds(moved(at(10) + minutes * 60)) == expected


def test_a_second_small_move_counts_from_the_time_last_told_not_from_the_last_move() -> None:
    assert kinds(moved(at(10) + 900, told_s=at(10))) == ["moved"]
    assert kinds(moved(at(10), told_s=at(10))) == []


def test_before_the_confirmation_went_out_a_move_needs_no_message_of_its_own() -> None:
    assert kinds(moved(at(11), told_s=None, pending=frozenset({"confirmed"}))) == []
    assert kinds(moved(at(11), told_s=None)) == ["moved"]


def test_a_move_replaces_pending_news_of_the_old_time() -> None:
    assert {"moved", "reminder"} <= moved(at(14)).dying
    assert "confirmed" not in moved(at(14)).dying


def test_a_cancel_kills_everything_pending_and_is_told() -> None:
    telling = told(
        AppointmentCanceled,
        visit={"status": Status.CANCELED, "cancel_reason": "ill"},
        actor=TECHNICIAN,
        reason="Nobody home",
        late=False,
        was_traveling=True,
        offer_again=True,
    )

    assert kinds(telling) == ["canceled"]
    assert telling.notices[0].payload["offer_again"] is True
    assert telling.dying >= {"confirmed", "reminder", "moved", "on_the_way", "running_late", "arriving"}


def test_on_the_way_is_told_at_once_and_is_worthless_after_half_an_hour() -> None:
    (news,) = told(TravelStarted, server_s=at(22), visit={"status": Status.TRAVELING}).notices

    assert (news.kind, news.due_s, news.expires_s) == ("on_the_way", at(22), at(22.5))


def test_an_undo_takes_back_what_was_not_sent_yet() -> None:
    assert told(TravelUndone).dying == {"on_the_way", "running_late", "arriving"}


def test_an_undo_brings_the_reminder_back_that_setting_off_killed() -> None:
    (news,) = told(
        TravelUndone, server_s=at(9), visit={"window_start_s": at(10, day=2), "window_end_s": at(12, day=2)}
    ).notices

    assert (news.kind, news.due_s) == ("reminder", at(10, day=1))


def test_an_undo_sends_no_second_reminder() -> None:
    assert told(TravelUndone, server_s=at(9)).notices == ()


def test_thanks_for_a_late_visit_wait_until_morning() -> None:
    (news,) = told(AppointmentCompleted, server_s=at(22), visit={"status": Status.COMPLETED}).notices

    assert (news.kind, news.due_s) == ("completed", at(32))


def test_a_reassignment_sends_no_message() -> None:
    assert told(AppointmentReassigned, old_technician=a_view().technician) == Telling()


def test_every_kind_can_be_switched_off() -> None:
    assert kinds(told(AppointmentBooked, rules=Rules(muted_notices=frozenset({"confirmed"})))) == []


@pytest.mark.parametrize(
    ("kind", "status", "wanted"),
    [
        ("reminder", Status.SCHEDULED, True),
        ("reminder", Status.CANCELED, False),
        ("on_the_way", Status.TRAVELING, True),
        ("on_the_way", Status.IN_PROGRESS, False),
        ("canceled", Status.CANCELED, True),
        ("completed", Status.COMPLETED, True),
        ("invitation", Status.CANCELED, True),
    ],
)
def test_a_message_is_checked_again_when_it_is_sent(kind: str, status: Status, wanted: bool) -> None:
    assert (still_wanted(kind, an_appointment(status=status), rules=RULES) is None) is wanted


def test_a_message_that_named_an_outdated_time_is_followed_by_the_new_one() -> None:
    view = a_view(version=3, window_start_s=at(14))

    owed = retell(view, told_window_start_s=at(10), rules=RULES, now_s=NOW_S)

    assert owed is not None
    assert (owed.kind, owed.key) == ("moved", "visit.moved.3")
    assert retell(view, told_window_start_s=at(14), rules=RULES, now_s=NOW_S) is None
