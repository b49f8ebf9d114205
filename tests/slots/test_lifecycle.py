from __future__ import annotations

import itertools

import pytest

from slots.errors import IllegalTransition
from slots.lifecycle import (
    OLDEST_CHANGE_S,
    TRANSITIONS,
    Action,
    Effect,
    is_legal,
    judge,
    next_status,
    settle_time,
)
from slots.model import Status

LEGAL = {
    ("scheduled", "travel"): "traveling",
    ("scheduled", "cancel"): "canceled",
    ("traveling", "undo"): "scheduled",
    ("traveling", "start"): "in_progress",
    ("traveling", "cancel"): "canceled",
    ("in_progress", "complete"): "completed",
}


@pytest.mark.parametrize(("status", "action"), list(itertools.product(Status, Action)))
def test_every_pair_of_state_and_action_is_legal_only_as_the_product_says(status: Status, action: Action) -> None:
    expected = LEGAL.get((status.value, action.value))

    if expected is None:
        with pytest.raises(IllegalTransition) as refused:
            next_status(status, action)
        assert (refused.value.status, refused.value.action) == (status, action.value)
    else:
        assert next_status(status, action).value == expected
    assert is_legal(status, action) == (expected is not None)


def test_the_table_has_no_further_rows() -> None:
    assert {(s.value, a.value): n.value for (s, a), n in TRANSITIONS.items()} == LEGAL


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.CANCELED])
def test_nothing_leaves_an_ended_visit(status: Status) -> None:
    assert not any(is_legal(status, action) for action in Action)


def test_the_newest_change_takes_effect() -> None:
    effect = judge(status=Status.SCHEDULED, action=Action.TRAVEL, at_s=100, newest_s=50)

    assert effect is Effect.APPLIED


def test_two_changes_of_one_second_are_taken_in_the_order_of_arrival() -> None:
    effect = judge(status=Status.TRAVELING, action=Action.UNDO, at_s=100, newest_s=100)

    assert effect is Effect.APPLIED


@pytest.mark.parametrize(("status", "action"), list(itertools.product(Status, Action)))
def test_a_change_older_than_the_newest_never_has_an_effect(status: Status, action: Action) -> None:
    effect = judge(status=status, action=action, at_s=99, newest_s=100)

    assert effect is Effect.LATE


def test_the_same_change_sent_again_is_a_repetition_even_when_it_is_the_newest() -> None:
    effect = judge(status=Status.TRAVELING, action=Action.TRAVEL, at_s=100, newest_s=100, earlier=[("travel", 100)])

    assert effect is Effect.REPEATED


def test_a_late_change_sent_again_is_a_repetition() -> None:
    effect = judge(status=Status.CANCELED, action=Action.TRAVEL, at_s=90, newest_s=100, earlier=[("travel", 90)])

    assert effect is Effect.REPEATED


def test_travel_undo_and_travel_again_within_one_second_all_take_effect() -> None:
    effect = judge(
        status=Status.SCHEDULED,
        action=Action.TRAVEL,
        at_s=100,
        newest_s=100,
        earlier=[("travel", 100), ("undo", 100)],
    )

    assert effect is Effect.APPLIED


def test_the_newest_change_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(IllegalTransition):
        judge(status=Status.CANCELED, action=Action.TRAVEL, at_s=100, newest_s=50)


@pytest.mark.parametrize("told", [None, 1_000_001, 1_000_000 - OLDEST_CHANGE_S - 1])
def test_a_device_time_that_is_missing_or_impossible_is_replaced_by_ours(told: int | None) -> None:
    assert settle_time(told, now_s=1_000_000) == 1_000_000


def test_a_device_time_of_the_last_days_is_believed() -> None:
    assert settle_time(900_000, now_s=1_000_000) == 900_000
