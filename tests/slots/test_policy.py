from __future__ import annotations

import pytest

from slots.model import Actor, Appointment, Rating, Rules, Status, Switches
from slots.policy import allowed, allowed_to_technician, cancel_warning, choose_active, count_before, is_overdue
from tests.slots.factories import CUSTOMER, DISPATCHER, an_appointment, at

RULES = Rules(move_cutoff_s=7200, cancel_cutoff_s=3600)
EARLY = at(0)


def what(visit: Appointment, *, actor: Actor = CUSTOMER, now_s: int = EARLY, **switches: bool) -> str:
    """The names of what is allowed."""
    answer = allowed(visit, actor=actor, rules=RULES, switches=Switches(**switches), now_s=now_s)
    return " ".join(name for name in answer.__struct_fields__ if getattr(answer, name))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.SCHEDULED, "move cancel"),
        (Status.TRAVELING, "cancel live_map"),
        (Status.IN_PROGRESS, ""),
        (Status.COMPLETED, "feedback"),
        (Status.CANCELED, ""),
    ],
)
def test_what_is_allowed_depends_on_the_state(status: Status, expected: str) -> None:
    assert what(an_appointment(status=status)) == expected


def test_move_and_cancel_have_separate_cut_offs_before_the_window() -> None:
    visit = an_appointment(window_start_s=at(10))

    assert what(visit, now_s=at(8)) == "move cancel"
    assert what(visit, now_s=at(8) + 1) == "cancel"
    assert what(visit, now_s=at(9)) == "cancel"
    assert what(visit, now_s=at(9) + 1) == ""


def test_cut_offs_do_not_bind_the_dispatcher() -> None:
    assert what(an_appointment(), actor=DISPATCHER, now_s=at(11)) == "move cancel"


def test_with_tracking_off_a_traveling_visit_has_no_map() -> None:
    assert what(an_appointment(status=Status.TRAVELING), tracking=False) == "cancel"


def test_with_surveys_off_nothing_offers_feedback() -> None:
    assert what(an_appointment(status=Status.COMPLETED), surveys=False) == ""


def test_with_self_scheduling_off_a_customer_does_not_move() -> None:
    assert what(an_appointment(), self_scheduling=False) == "cancel"
    assert what(an_appointment(), actor=DISPATCHER, self_scheduling=False) == "move cancel"


def test_feedback_can_be_changed_until_its_time_is_over() -> None:
    rating = Rating(rating=5, comment="", rated_s=at(12), editable_until_s=at(13))
    visit = an_appointment(status=Status.COMPLETED, rating=rating)

    assert what(visit, now_s=at(13)) == "feedback"
    assert what(visit, now_s=at(13) + 1) == ""


def test_only_a_visit_under_way_warns_before_it_is_canceled() -> None:
    warnings = {status.value: cancel_warning(an_appointment(status=status)) for status in Status}

    assert warnings.pop("traveling") == "technician_on_the_way"
    assert set(warnings.values()) == {None}


def test_the_technician_is_offered_the_next_steps_only() -> None:
    def steps(status: Status, **options: bool) -> str:
        answer = allowed_to_technician(an_appointment(status=status), **options)
        return " ".join(name for name in answer.__struct_fields__ if getattr(answer, name))

    assert steps(Status.SCHEDULED) == "travel cancel"
    assert steps(Status.SCHEDULED, traveling_elsewhere=True) == "cancel"
    assert steps(Status.TRAVELING) == "undo start cancel"
    assert steps(Status.IN_PROGRESS) == "complete"
    assert steps(Status.COMPLETED) == steps(Status.CANCELED) == ""


def test_a_scheduled_visit_is_overdue_once_its_window_has_passed() -> None:
    visit = an_appointment(window_end_s=at(12))

    assert not is_overdue(visit, now_s=at(12) - 1)
    assert is_overdue(visit, now_s=at(12))
    assert not is_overdue(an_appointment(status=Status.TRAVELING, window_end_s=at(12)), now_s=at(13))


def traveling(name: str, window_start_s: int = at(10)) -> Appointment:
    return an_appointment(id=name, status=Status.TRAVELING, window_start_s=window_start_s)


def test_of_several_traveling_the_smallest_arrival_time_is_active() -> None:
    visits = [traveling("a"), traveling("b"), traveling("c")]

    assert choose_active(visits, arrivals_s={"a": 300, "b": 100, "c": 200}) == "b"


def test_a_tie_goes_to_the_earlier_window_then_to_the_id() -> None:
    visits = [traveling("c"), traveling("b"), traveling("a", at(11))]

    assert choose_active(visits, arrivals_s={"a": 5, "b": 5, "c": 5}) == "b"


def test_an_unknown_arrival_time_comes_last() -> None:
    assert choose_active([traveling("a"), traveling("b")], arrivals_s={"a": None, "b": 9}) == "b"
    assert choose_active([traveling("b", at(11)), traveling("a")], arrivals_s={}) == "a"


@pytest.mark.parametrize(("sooner_by_s", "active"), [(299, "a"), (300, "a"), (301, "b")])
def test_the_active_one_stays_unless_another_is_sooner_by_more_than_five_minutes(sooner_by_s: int, active: str) -> None:
    arrivals = {"a": 10_000, "b": 10_000 - sooner_by_s}

    assert choose_active([traveling("a"), traveling("b")], arrivals_s=arrivals, active_before="a") == active


def test_two_unknown_arrival_times_do_not_take_turns() -> None:
    visits = [traveling("a"), traveling("b")]

    assert choose_active(visits, arrivals_s={}, active_before="b") == "b"


def test_when_the_active_one_ends_the_next_is_promoted() -> None:
    assert choose_active([traveling("b")], arrivals_s={"b": 9}, active_before="a") == "b"
    assert choose_active([], arrivals_s={}, active_before="a") is None


def test_before_a_visit_come_those_under_way_and_those_that_start_sooner() -> None:
    mine = an_appointment(id="mine", start_s=at(12), end_s=at(13))
    day = [
        mine,
        an_appointment(id="done", start_s=at(8), end_s=at(9), status=Status.COMPLETED),
        an_appointment(id="canceled", start_s=at(9), end_s=at(10), status=Status.CANCELED),
        an_appointment(id="begun late", start_s=at(14), end_s=at(15), status=Status.IN_PROGRESS),
        an_appointment(id="next", start_s=at(11), end_s=at(12)),
        an_appointment(id="after", start_s=at(13), end_s=at(14)),
    ]

    assert count_before(mine, day) == 2
    assert count_before(mine, [mine]) == 0
