"""A change of state is a lookup in TRANSITIONS; what is not in the table is refused. The newest by device time decides.

Pure. Changes come with the time of the device that made them and may arrive late, after changes that are newer: these
are kept in the history at their place and have no effect, so a late message never takes a state back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from slots.errors import IllegalTransition
from slots.model import Status


class Action(StrEnum):
    TRAVEL = "travel"
    UNDO = "undo"
    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[Status, Action], Status] = {
    (Status.SCHEDULED, Action.TRAVEL): Status.TRAVELING,
    (Status.SCHEDULED, Action.CANCEL): Status.CANCELED,
    (Status.TRAVELING, Action.UNDO): Status.SCHEDULED,
    (Status.TRAVELING, Action.START): Status.IN_PROGRESS,
    (Status.TRAVELING, Action.CANCEL): Status.CANCELED,
    (Status.IN_PROGRESS, Action.COMPLETE): Status.COMPLETED,
}

# A device may sign in after days without a network; a time older than this is a wrong clock, not a late message.
OLDEST_CHANGE_S = 7 * 86_400


class Effect(StrEnum):
    """What becomes of a change."""

    APPLIED = "applied"
    LATE = "late"
    REPEATED = "repeated"


def next_status(status: Status, action: Action) -> Status:
    """Raises IllegalTransition."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise IllegalTransition(status=status, action=action.value) from None


def is_legal(status: Status, action: Action) -> bool:
    return (status, action) in TRANSITIONS


def settle_time(at_s: int | None, *, now_s: int) -> int:
    """The device time to believe: ours where it gave none, where it lies in the future, or is too old to be true."""
    if at_s is None or at_s > now_s or at_s < now_s - OLDEST_CHANGE_S:
        return now_s
    return at_s


def judge(
    *,
    status: Status,
    action: Action,
    at_s: int,
    newest_s: int,
    earlier: Iterable[tuple[str, int]] = (),
) -> Effect:
    """What a change with device time `at_s` does to a visit whose newest effective change was at `newest_s`.

    `earlier`: (action, device time) of every change of the visit so far. The same pair again is a repetition, unless it
    is legal once more in the same second. Raises IllegalTransition if the change is the newest and not in the table.
    """
    seen = (action.value, at_s) in set(earlier)
    if at_s < newest_s:
        return Effect.REPEATED if seen else Effect.LATE
    if seen and not is_legal(status, action):
        return Effect.REPEATED
    next_status(status, action)
    return Effect.APPLIED
