"""Errors as people and programs meet them: `application/problem+json` with a stable `code`.

PROBLEMS is the one table that turns a code (ours, or the `.code` of an error of `slots` or `tracker`) into an HTTP
status and a title. A code that is not in it is a bug of ours and answers 500.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

PROBLEMS: dict[str, tuple[int, str]] = {
    # what was sent
    "malformed": (400, "The request could not be read"),
    "cross_origin": (403, "The request came from another site"),
    "unsupported_media_type": (415, "This kind of content is not understood here"),
    "too_large": (413, "The request is too large"),
    "invalid": (422, "A value is not acceptable"),
    "method_not_allowed": (405, "That cannot be done here"),
    "not_found": (404, "There is nothing here"),
    # who asks
    "sign_in_required": (401, "Please sign in"),
    "wrong_credentials": (401, "E-mail and password do not match"),
    "forbidden": (403, "Not allowed"),
    "too_many_requests": (429, "Too many attempts"),
    # invitations, passwords, links
    "contact_unknown": (404, "Nobody has this e-mail address"),
    "account_inactive": (409, "The account is not active"),
    "already_invited": (409, "This address was invited already"),
    "invitation_dead": (410, "This invitation no longer works"),
    "reset_dead": (410, "This reset link no longer works"),
    "password_weak": (422, "Choose another password"),
    "link_dead": (410, "This link no longer works"),
    # switches
    "self_scheduling_off": (403, "Booking is switched off"),
    "tracking_off": (403, "Live tracking is switched off"),
    "surveys_off": (403, "Feedback is switched off"),
    # booking
    "invalid_slot": (422, "We do not offer this time"),
    "invalid_range": (422, "These days cannot be shown"),
    "invalid_setup": (422, "The set-up contradicts itself"),
    "import_refused": (422, "The file cannot be imported"),
    "set_up_too_large": (422, "The set-up is too large for one file"),
    "invalid_rating": (422, "A rating is a whole number from 1 to 5"),
    "reason_required": (422, "Please say briefly why"),
    "reason_too_long": (422, "The reason is too long"),
    "details_too_long": (422, "The description is too long"),
    "comment_too_long": (422, "The comment is too long"),
    "not_bookable": (409, "This cannot be booked"),
    "slot_taken": (409, "That time was just taken"),
    "hold_expired": (409, "The time is no longer kept"),
    "too_many_holds": (409, "Too many times are kept for you"),
    "illegal_transition": (409, "The state of the visit does not allow that"),
    "already_traveling": (409, "The technician is traveling to another visit"),
    "cancel_while_traveling_forbidden": (409, "The technician is on the way: please call"),
    "past_cutoff": (409, "It is too late for that: please call"),
    "rating_closed": (409, "The time to change this feedback is over"),
    "stale_version": (412, "Somebody else changed this meanwhile"),
    "idempotency_conflict": (409, "This Idempotency-Key was used for something else"),
    "idempotency_key_reused": (422, "This Idempotency-Key was used for something else"),
    "storage_full": (503, "No room left on the server"),
    "storage_unavailable": (503, "Very busy just now, please try again soon"),
    # tracking
    "not_tracked": (404, "There is nothing here"),
    "protocol_error": (400, "The request could not be read"),
    "overloaded": (503, "Very busy just now, please try again soon"),
    "extract_unreadable": (422, "This road extract cannot be read"),
    "extract_without_roads": (422, "This road extract holds no roads for cars"),
    "roads_unreadable": (422, "This road graph cannot be read"),
    "exchange_away": (503, "Very busy just now, please try again soon"),
    "exchange_message_too_large": (500, "Something went wrong on our side"),
    "exchange_url": (500, "Something went wrong on our side"),
    "roads_unavailable": (503, "The road engine does not answer, please come back"),
    "recording_unreadable": (422, "These recorded trips cannot be read"),
    # us
    "busy": (503, "Very busy just now, please try again soon"),
    "not_ready": (503, "Not ready"),
    "internal": (500, "Something went wrong on our side"),
}


RETRY_AFTER = "5"
"""Seconds, where nobody knows better: whoever is told to come again is told when."""


class Problem(Exception):
    """An answer that is an error. `extra` members go into the body beside the standard ones.

    `detail` is a sentence for the person; it never holds a secret. `headers` go with the answer.
    """

    def __init__(
        self, code: str, detail: str | None = None, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        if self.status == 503:
            self.headers.setdefault("Retry-After", RETRY_AFTER)
        self.extra = extra

    @property
    def status(self) -> int:
        return PROBLEMS.get(self.code, PROBLEMS["internal"])[0]

    @property
    def title(self) -> str:
        return PROBLEMS.get(self.code, PROBLEMS["internal"])[1]

    def body(self) -> dict[str, Any]:
        body = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        if self.detail:
            body["detail"] = self.detail
        return body | self.extra

    def response(self) -> Response:
        return Response(
            msgspec.json.encode(self.body()),
            status_code=self.status,
            headers={"Cache-Control": "no-store"} | self.headers,
            media_type="application/problem+json",
        )


def retry_later(code: str, wait_s: float, detail: str | None = None) -> Problem:
    """A Problem that says when to come back (whole seconds, at least one)."""
    seconds = max(1, int(wait_s + 0.999))
    return Problem(code, detail, headers={"Retry-After": str(seconds)})
