"""What a customer may do with a visit now, and which visit is the Active one. Pure.

The page shows what `allowed` says; the use cases refuse with the errors of `check_move` and `check_cancel`. Both are
the same functions, so that a page never offers what the server then refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

from slots.errors import (
    CancelWhileTravelingForbidden,
    IllegalTransition,
    PastCutoff,
    RatingClosed,
    Refused,
    SelfSchedulingOff,
    SurveysOff,
)
from slots.lifecycle import Action, is_legal
from slots.model import Actor, Appointment, Rules, Status, Switches, Value

# The Active visit stays on top unless another is sooner by more than this: two close estimates must not take turns.
STICKINESS_S = 300


class Allowed(Value, frozen=True, kw_only=True):
    """What the page may show to this actor now."""

    move: bool
    cancel: bool
    live_map: bool
    feedback: bool


class AllowedToTechnician(Value, frozen=True, kw_only=True):
    travel: bool
    undo: bool
    start: bool
    complete: bool
    cancel: bool


def allowed(appointment: Appointment, *, actor: Actor, rules: Rules, switches: Switches, now_s: int) -> Allowed:
    """Cut-offs and the self-scheduling switch bind customers only."""
    return Allowed(
        move=_passes(check_move, appointment, actor=actor, rules=rules, switches=switches, now_s=now_s),
        cancel=_passes(check_cancel, appointment, actor=actor, rules=rules, now_s=now_s),
        live_map=appointment.status is Status.TRAVELING and switches.tracking,
        feedback=_passes(check_rate, appointment, switches=switches, now_s=now_s),
    )


def allowed_to_technician(appointment: Appointment, *, traveling_elsewhere: bool = False) -> AllowedToTechnician:
    """`traveling_elsewhere`: the technician is under way to another visit."""
    status = appointment.status
    return AllowedToTechnician(
        travel=is_legal(status, Action.TRAVEL) and not traveling_elsewhere,
        undo=is_legal(status, Action.UNDO),
        start=is_legal(status, Action.START),
        complete=is_legal(status, Action.COMPLETE),
        cancel=is_legal(status, Action.CANCEL),
    )


def check_move(appointment: Appointment, *, actor: Actor, rules: Rules, switches: Switches, now_s: int) -> None:
    """Raises IllegalTransition, SelfSchedulingOff, PastCutoff."""
    if appointment.status is not Status.SCHEDULED:
        raise IllegalTransition(status=appointment.status, action="move")
    if not actor.is_customer:
        return
    if not switches.self_scheduling:
        raise SelfSchedulingOff
    until_s = appointment.window_start_s - rules.move_cutoff_s
    if now_s > until_s:
        raise PastCutoff(action="move", until_s=until_s)


def check_cancel(appointment: Appointment, *, actor: Actor, rules: Rules, now_s: int) -> None:
    """Raises IllegalTransition, CancelWhileTravelingForbidden, PastCutoff."""
    if not is_legal(appointment.status, Action.CANCEL):
        raise IllegalTransition(status=appointment.status, action="cancel")
    if not actor.is_customer:
        return
    if appointment.status is Status.TRAVELING:
        # The cut-off is over by then almost always; the setting alone decides here.
        if not rules.cancel_while_traveling:
            raise CancelWhileTravelingForbidden
        return
    until_s = appointment.window_start_s - rules.cancel_cutoff_s
    if now_s > until_s:
        raise PastCutoff(action="cancel", until_s=until_s)


def check_rate(appointment: Appointment, *, switches: Switches, now_s: int) -> None:
    """Raises SurveysOff, IllegalTransition, RatingClosed."""
    if not switches.surveys:
        raise SurveysOff
    if appointment.status is not Status.COMPLETED:
        raise IllegalTransition(status=appointment.status, action="feedback")
    if appointment.rating is not None and now_s > appointment.rating.editable_until_s:
        raise RatingClosed


def cancel_warning(appointment: Appointment) -> str | None:
    """`technician_on_the_way` where the cancel dialog has to say so first, else None."""
    return "technician_on_the_way" if appointment.status is Status.TRAVELING else None


def is_offered_again(appointment: Appointment) -> bool:
    """Canceled by the technician, because it could not be done (nobody home): the customer still wants the visit."""
    return appointment.status is Status.CANCELED and appointment.canceled_role == "technician"


def is_overdue(appointment: Appointment, *, now_s: int) -> bool:
    """Scheduled although its window has passed: flagged to the dispatcher."""
    return appointment.status is Status.SCHEDULED and now_s >= appointment.window_end_s


def count_before(appointment: Appointment, day: Sequence[Appointment]) -> int:
    """How many of the technician's visits of a day come before this one: those under way, and those that start sooner
    and have neither ended nor been canceled."""
    under_way = (Status.TRAVELING, Status.IN_PROGRESS)
    return sum(
        visit.id != appointment.id
        and (visit.status in under_way or (visit.status is Status.SCHEDULED and visit.start_s < appointment.start_s))
        for visit in day
    )


def choose_active(
    traveling: Sequence[Appointment],
    *,
    arrivals_s: Mapping[str, int | None],
    active_before: str | None = None,
) -> str | None:
    """The id of the Active one among Traveling visits, None if there is none.

    The smallest arrival time, then window start, then id; no known arrival time counts as the latest. The one that was
    Active stays so unless the best is sooner by more than STICKINESS_S.
    """
    if not traveling:
        return None

    def arrival(visit: Appointment) -> float:
        known = arrivals_s.get(visit.id)
        return inf if known is None else known

    best = min(traveling, key=lambda visit: (arrival(visit), visit.window_start_s, visit.id))
    before = next((visit for visit in traveling if visit.id == active_before), None)
    if before is None:
        return best.id
    sooner = arrival(best) + STICKINESS_S < arrival(before)
    return best.id if sooner else before.id


def _passes(check: Callable[..., None], appointment: Appointment, **facts: object) -> bool:
    try:
        check(appointment, **facts)
    except Refused:
        return False
    return True
