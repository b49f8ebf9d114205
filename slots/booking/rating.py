"""What the customer thought of a visit."""

from __future__ import annotations

import msgspec

from slots.booking.recording import locked_view, record_change, record_event
from slots.booking.scheduling import Change, Scheduling
from slots.errors import CommentTooLong, InvalidRating
from slots.events import AppointmentRated
from slots.model import ALL_ON, Actor, Rating, Switches
from slots.policy import check_rate
from slots.store import again_if_undone
from slots.zones import DAY_S

MAX_COMMENT = 2000


@again_if_undone
async def rate(
    scheduling: Scheduling,
    *,
    appointment_id: str,
    rating: int,
    comment: str = "",
    actor: Actor,
    version: int | None = None,
    switches: Switches = ALL_ON,
    now_s: int,
) -> Change:
    """Rate a Completed visit, or change the rating within `rules.rating_edit_days` of the first one.

    Raises InvalidRating, CommentTooLong (over 2000), SurveysOff, IllegalTransition, RatingClosed, StaleVersion.
    """
    if not 1 <= rating <= 5:
        raise InvalidRating(rating)
    comment = comment.strip()
    if len(comment) > MAX_COMMENT:
        raise CommentTooLong(length=len(comment), limit=MAX_COMMENT)
    rules = scheduling.rules
    async with scheduling.database.transaction() as connection:
        view = await locked_view(connection, appointment_id=appointment_id, version=version, now_s=now_s)
        old = view.appointment
        check_rate(old, switches=switches, now_s=now_s)
        first = old.rating is None
        until_s = now_s + rules.rating_edit_days * DAY_S
        if old.rating is not None:
            if (old.rating.rating, old.rating.comment) == (rating, comment):
                return Change(view=view)
            until_s = old.rating.editable_until_s
        given = Rating(rating=rating, comment=comment, rated_s=now_s, editable_until_s=until_s)
        rated = msgspec.structs.replace(old, version=old.version + 1, rating=given)
        after = msgspec.structs.replace(view, appointment=rated)
        event = AppointmentRated(
            view=after,
            actor=actor,
            device_s=now_s,
            server_s=now_s,
            rating=rating,
            comment=comment,
            low=rating <= rules.low_rating,
            first=first,
        )
        await record_change(
            connection,
            before=old,
            after=rated,
            action="rate",
            actor=actor,
            device_s=now_s,
            server_s=now_s,
            facts={"rating": rating},
        )
        await record_event(connection, event, rules=rules)
    return Change(view=after, events=(event,))
