"""What `slots` refuses, as problems: the code stays, and what helps the person goes along."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from slots.errors import (
    AlreadyTraveling,
    CancelWhileTravelingForbidden,
    HoldExpired,
    IdempotencyConflict,
    IllegalTransition,
    NotBookable,
    PastCutoff,
    SelfSchedulingOff,
    SlotsError,
    SlotTaken,
    StaleVersion,
    StorageFailed,
)
from web.appointment_json import slot_json
from web.config import Settings
from web.problems import Problem
from web.versions import etag

log = logging.getLogger("enroute.storage")


@contextmanager
def refusals(settings: Settings) -> Iterator[None]:
    """Any SlotsError inside becomes a Problem with fresh slots, the state, or the phone number to call."""
    try:
        yield
    except SlotsError as error:
        raise problem_of(error, settings) from error


def problem_of(error: SlotsError, settings: Settings) -> Problem:
    detail, extra, headers = str(error), dict[str, Any](), dict[str, str]()
    match error:
        case SlotTaken() | HoldExpired():
            extra["slots"] = [msgspec.to_builtins(slot_json(slot)) for slot in error.slots]
        case StaleVersion():
            extra["version"] = error.actual
            headers["ETag"] = etag(error.actual)
        case IllegalTransition():
            extra |= {"visit_status": error.status.value, "action": error.action}
        case StorageFailed():
            log.warning("%s: %s", error.code, getattr(error.__cause__, "orig", error.__cause__))
            headers["Retry-After"] = str(error.retry_s)
        case NotBookable():
            extra["reason"] = error.reason
        case AlreadyTraveling() if error.other_id is not None:
            extra["other"] = error.other_id
        case PastCutoff() | SelfSchedulingOff() | CancelWhileTravelingForbidden():
            extra["contact_phone"] = settings.contact_phone
            if settings.contact_phone and detail.endswith("Please call."):
                detail = f"{detail[:-1]} {settings.contact_phone}."
    code = "idempotency_key_reused" if isinstance(error, IdempotencyConflict) else error.code
    return Problem(code, detail, headers=headers, **extra)
