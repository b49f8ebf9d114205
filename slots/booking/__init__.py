"""The use cases of scheduling. Every one takes a `Scheduling` and keyword arguments, runs in its own transaction, and
returns values; what happened comes back as events, to be told only then.

    places    offer, hold, release_hold
    explaining  explain: why days are empty
    taking    book, move
    states    cancel, travel, undo, start, complete
    reassigning, rating   reassign; rate
    reading   get, sections, day_of_technician, traveling, under_way, board, overdue, unhappy,
              history
"""

from slots.booking.explaining import explain
from slots.booking.places import hold, offer, release_hold
from slots.booking.rating import rate
from slots.booking.reading import (
    Sections,
    board,
    day_of_technician,
    get,
    history,
    overdue,
    sections,
    traveling,
    under_way,
    unhappy,
    visits_before,
)
from slots.booking.reassigning import reassign
from slots.booking.scheduling import Change, Scheduling
from slots.booking.states import cancel, complete, start, travel, undo
from slots.booking.taking import book, move

__all__ = [
    "Change",
    "Scheduling",
    "Sections",
    "board",
    "book",
    "cancel",
    "complete",
    "day_of_technician",
    "explain",
    "get",
    "history",
    "hold",
    "move",
    "offer",
    "overdue",
    "rate",
    "reassign",
    "release_hold",
    "sections",
    "start",
    "travel",
    "traveling",
    "under_way",
    "undo",
    "unhappy",
    "visits_before",
]
