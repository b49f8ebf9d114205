"""Every way a use case says no.

SlotsError                            .code
├── NotFound                          not_found
├── Malformed                         (what was sent can never be right)
│   ├── InvalidSlot                   invalid_slot
│   ├── InvalidRange                  invalid_range
│   ├── ReasonRequired                reason_required
│   ├── ReasonTooLong                 reason_too_long
│   ├── DetailsTooLong                details_too_long
│   ├── InvalidRating                 invalid_rating
│   ├── CommentTooLong                comment_too_long
│   └── InvalidSetup                  invalid_setup
├── Refused                           (a rule of the product forbids it)
│   ├── NotBookable                   not_bookable        .reason
│   ├── SelfSchedulingOff             self_scheduling_off
│   ├── SurveysOff                    surveys_off
│   ├── IllegalTransition             illegal_transition  .status .action
│   ├── PastCutoff                    past_cutoff         .action .until_s
│   ├── CancelWhileTravelingForbidden cancel_while_traveling_forbidden
│   ├── AlreadyTraveling              already_traveling   .other_id
│   ├── RatingClosed                  rating_closed
│   └── TooManyHolds                  too_many_holds
├── Conflict                          (somebody was faster)
│   ├── SlotTaken                     slot_taken          .slots (fresh ones)
│   ├── HoldExpired                   hold_expired        .slots
│   ├── StaleVersion                  stale_version       .expected .actual
│   └── IdempotencyConflict           idempotency_conflict
└── StorageFailed                     (the database could not; it may soon)
    ├── StorageFull                   storage_full
    └── StorageUnavailable            storage_unavailable
        └── TransactionUndone         (the same, and certainly nothing was done)

Outside the tree, because it is the operator's fault: GuardMissing (the database lost its overlap guard).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from slots.model import Slot, Status

NotBookableReason = Literal["service_disabled", "too_soon", "too_far_ahead", "technician_inactive", "skill_missing"]


class SlotsError(Exception):
    """Base. `code` is stable: the outside builds on it. `str()` is a sentence that may be shown to a person."""

    code: ClassVar[str] = "slots_error"


class NotFound(SlotsError):
    """No such thing, or not theirs: the two look the same on purpose."""

    code = "not_found"

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind

    def __str__(self) -> str:
        return f"There is no such {self.kind}."


class Malformed(SlotsError):
    """What was sent can never be right."""


class InvalidSlot(Malformed):
    code = "invalid_slot"

    def __str__(self) -> str:
        return "This is no slot of ours. Ask for the slots again and send one of their ids unchanged."


class InvalidRange(Malformed):
    code = "invalid_range"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class ReasonRequired(Malformed):
    code = "reason_required"

    def __str__(self) -> str:
        return "Please say briefly why."


class _TooLong(Malformed):
    what: ClassVar[str] = "text"

    def __init__(self, *, length: int, limit: int) -> None:
        super().__init__(length, limit)
        self.length = length
        self.limit = limit

    def __str__(self) -> str:
        return f"The {self.what} has {self.length} characters; {self.limit} are the most."


class ReasonTooLong(_TooLong):
    code = "reason_too_long"
    what = "reason"


class DetailsTooLong(_TooLong):
    code = "details_too_long"
    what = "description"


class CommentTooLong(_TooLong):
    code = "comment_too_long"
    what = "comment"


class InvalidRating(Malformed):
    code = "invalid_rating"

    def __init__(self, rating: int) -> None:
        super().__init__(rating)
        self.rating = rating

    def __str__(self) -> str:
        return f"A rating is a whole number from 1 to 5, not {self.rating}."


class InvalidSetup(Malformed):
    """A row of the set-up contradicts itself or another row. `at` names the field."""

    code = "invalid_setup"

    def __init__(self, at: str, detail: str) -> None:
        super().__init__(at, detail)
        self.at = at
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.at}: {self.detail}"


class Refused(SlotsError):
    """A rule of the product forbids it."""


class NotBookable(Refused):
    code = "not_bookable"

    SENTENCES: ClassVar[dict[str, str]] = {
        "service_disabled": "This service cannot be booked at the moment.",
        "too_soon": "This time is too soon to be booked.",
        "too_far_ahead": "This day cannot be booked yet.",
        "technician_inactive": "This technician takes no visits at the moment.",
        "skill_missing": "This technician lacks the skill that the service needs.",
    }

    def __init__(self, reason: NotBookableReason) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.SENTENCES[self.reason]


class SelfSchedulingOff(Refused):
    code = "self_scheduling_off"

    def __str__(self) -> str:
        return "Booking and moving online is switched off. Please call."


class SurveysOff(Refused):
    code = "surveys_off"

    def __str__(self) -> str:
        return "Feedback is switched off."


class IllegalTransition(Refused):
    code = "illegal_transition"

    def __init__(self, *, status: Status, action: str) -> None:
        super().__init__(status, action)
        self.status = status
        self.action = action

    def __str__(self) -> str:
        return f"A visit that is {self.status.value.replace('_', ' ')} does not allow {self.action!r}."


class PastCutoff(Refused):
    """`until_s` is the last instant at which it was possible."""

    code = "past_cutoff"

    def __init__(self, *, action: Literal["move", "cancel"], until_s: int) -> None:
        super().__init__(action, until_s)
        self.action = action
        self.until_s = until_s

    def __str__(self) -> str:
        return f"It is too late to {self.action} this visit online. Please call."


class CancelWhileTravelingForbidden(Refused):
    code = "cancel_while_traveling_forbidden"

    def __str__(self) -> str:
        return "Your technician is on the way; the visit can no longer be canceled online. Please call."


class AlreadyTraveling(Refused):
    """A technician travels to one visit at a time. `other_id` is the visit under way, None where unknown."""

    code = "already_traveling"

    def __init__(self, other_id: str | None = None) -> None:
        super().__init__(other_id)
        self.other_id = other_id

    def __str__(self) -> str:
        return "The technician is already traveling to another visit. Undo or finish that one first."


class RatingClosed(Refused):
    code = "rating_closed"

    def __str__(self) -> str:
        return "The time to change this feedback is over."


class TooManyHolds(Refused):
    code = "too_many_holds"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} places are kept for you already. Book or release one first."


class Conflict(SlotsError):
    """Somebody was faster."""


class SlotTaken(Conflict):
    """`slots` are fresh ones around the wanted day, by start."""

    code = "slot_taken"

    def __init__(self, slots: tuple[Slot, ...] = ()) -> None:
        super().__init__(slots)
        self.slots = slots

    def __str__(self) -> str:
        return "That time was just taken. Please choose another."


class HoldExpired(Conflict):
    """The hold ran out, was released, or is not theirs. `slots` are fresh ones where the place is still known."""

    code = "hold_expired"

    def __init__(self, slots: tuple[Slot, ...] = ()) -> None:
        super().__init__(slots)
        self.slots = slots

    def __str__(self) -> str:
        return "The time is no longer kept for you. Please choose again."


class StaleVersion(Conflict):
    code = "stale_version"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return f"The visit was changed meanwhile (version {self.actual}, not {self.expected}). Look again."


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"

    def __str__(self) -> str:
        return "This Idempotency-Key was used for a different booking. Take a new key."


class StorageFailed(SlotsError):
    """The database failed under the use case; asked again after `retry_s` it may be well."""

    retry_s: ClassVar[int]


class StorageFull(StorageFailed):
    """No room left for the change: nothing of it is kept."""

    code = "storage_full"
    retry_s = 30

    def __str__(self) -> str:
        return "The server has no room left to keep this. Nothing was changed; please try again later."


class StorageUnavailable(StorageFailed):
    """The database does not answer, or is too busy. If it went away during the last step, the change may be made."""

    code = "storage_unavailable"
    retry_s = 2

    def __str__(self) -> str:
        return (
            "The database does not answer. Look whether your change was made before you make it again,"
            " or repeat it with the same Idempotency-Key."
        )


class TransactionUndone(StorageUnavailable):
    """The database gave way to another transaction (a deadlock, a serialization failure): nothing was done, and the
    same may go well at once."""


class GuardMissing(RuntimeError):
    """The database lacks parts of the overlap guard; booking must not start. `missing` names them."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(missing)
        self.missing = missing

    def __str__(self) -> str:
        return f"The overlap guard is incomplete (missing: {', '.join(self.missing)}). Run `enroute migrate`."
