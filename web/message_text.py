"""The words of the messages. Pure: facts in, subject and text out.

Times are the site's; the arrival window is what was promised, so it is what is told.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a message may mention. Instants in seconds since 1970; urls are absolute."""

    brand: str
    base_url: str
    name: str = ""
    url: str | None = None
    service: str | None = None
    address: str | None = None
    technician: str | None = None
    time_zone: str = "UTC"
    window_start_s: int | None = None
    window_end_s: int | None = None
    eta_low_s: int | None = None
    eta_high_s: int | None = None
    cancel_reason: str | None = None
    offer_again: bool = False
    contact_phone: str | None = None
    contact_email: str | None = None


class Letter(msgspec.Struct, frozen=True):
    """Plain text for a person. Its text may hold a link that is a secret: it goes to nobody else."""

    subject: str
    text: str

    def __repr__(self) -> str:
        return f"Letter({self.subject!r})"


def write_letter(kind: str, facts: Facts) -> Letter:
    """KeyError for a kind nobody has words for."""
    subject, lines = _KINDS[kind](facts)
    greeting = f"Hello {facts.name}," if facts.name else "Hello,"
    closing = [facts.brand]
    if facts.contact_phone:
        closing.append(f"Phone: {facts.contact_phone}")
    if facts.contact_email:
        closing.append(f"E-mail: {facts.contact_email}")
    paragraphs = [greeting, *[line for line in lines if line], "\n".join(closing)]
    return Letter(_one_line(subject), "\n\n".join(paragraphs) + "\n")


def _one_line(text: str) -> str:
    # A name or a service with a line break in it must not become a second header.
    return " ".join(text.split())


def window_words(facts: Facts) -> str:
    """Like "Wednesday, 25 November 2026, 08:00 to 10:00 (Europe/Lisbon)"."""
    if facts.window_start_s is None or facts.window_end_s is None:
        return "the agreed time"
    zone = ZoneInfo(facts.time_zone)
    start, end = (datetime.fromtimestamp(at_s, zone) for at_s in (facts.window_start_s, facts.window_end_s))
    day = f"{start:%A}, {start.day} {start:%B %Y}"
    # In the repeated hour of autumn two clock times look the same; the names of their zones tell them apart.
    plain = start.utcoffset() == end.utcoffset() and not _comes_twice(start) and not _comes_twice(end)
    pattern = "%H:%M" if plain else "%H:%M %Z"
    return f"{day}, {start.strftime(pattern)} to {end.strftime(pattern)} ({facts.time_zone})"


def _comes_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _clock(at_s: int, facts: Facts) -> str:
    return datetime.fromtimestamp(at_s, ZoneInfo(facts.time_zone)).strftime("%H:%M")


def _visit(facts: Facts) -> str:
    lines = [f"When: {window_words(facts)}"]
    if facts.service:
        lines.insert(0, f"What: {facts.service}")
    if facts.address:
        lines.append(f"Where: {facts.address}")
    return "\n".join(lines)


def _arrival(facts: Facts) -> str | None:
    if facts.eta_low_s is None or facts.eta_high_s is None:
        return None
    return f"Expected arrival: between {_clock(facts.eta_low_s, facts)} and {_clock(facts.eta_high_s, facts)}."


def _link(words: str, facts: Facts) -> str | None:
    return f"{words}\n{facts.url}" if facts.url else None


Written = tuple[str, list[str | None]]


def _invitation(facts: Facts) -> Written:
    return f"Your invitation to {facts.brand}", [
        "you have been invited to book and follow your visits online.",
        _link("Choose a password here. The link works once:", facts),
        "If you did not expect this message, you can ignore it.",
    ]


def _password_reset(facts: Facts) -> Written:
    return f"Set a new password for {facts.brand}", [
        "somebody, hopefully you, asked to set a new password.",
        _link("The link works once and for one hour:", facts),
        "If it was not you, you can ignore this message: nothing has changed.",
    ]


def _confirmed(facts: Facts) -> Written:
    return f"Your visit is booked: {window_words(facts)}", [
        "your visit is booked.",
        _visit(facts),
        _link("See, move or cancel it here:", facts),
    ]


def _reminder(facts: Facts) -> Written:
    return f"Reminder: your visit, {window_words(facts)}", [
        "this is a reminder of your visit.",
        _visit(facts),
        _link("See, move or cancel it here:", facts),
    ]


def _moved(facts: Facts) -> Written:
    return f"Your visit has a new time: {window_words(facts)}", [
        "your visit has a new time.",
        _visit(facts),
        _link("See it here:", facts),
    ]


def _canceled(facts: Facts) -> Written:
    if facts.offer_again:
        return "Your visit could not be done", [
            "we were there, but your visit could not be done. It was canceled, and we gladly come again.",
            _visit(facts),
            f"Reason: {facts.cancel_reason}" if facts.cancel_reason else None,
            _link("Choose a new time for it here:", facts),
        ]
    return "Your visit was canceled", [
        "your visit was canceled.",
        _visit(facts),
        f"Reason: {facts.cancel_reason}" if facts.cancel_reason else None,
        _link("Book a new one here:", facts),
    ]


def _on_the_way(facts: Facts) -> Written:
    who = facts.technician or "Your technician"
    return f"{who} is on the way", [
        f"{who} is on the way to you.",
        _arrival(facts),
        _link("Follow the arrival on the map. The link is yours alone:", facts),
    ]


def _running_late(facts: Facts) -> Written:
    who = facts.technician or "Your technician"
    return "Your visit is running late", [
        f"we are sorry: {who} will arrive later than the promised {window_words(facts)}.",
        _arrival(facts),
        _link("Follow the arrival on the map. The link is yours alone:", facts),
    ]


def _arriving(facts: Facts) -> Written:
    who = facts.technician or "Your technician"
    return f"{who} is about to arrive", [f"{who} is about to arrive.", _link("On the map:", facts)]


def _completed(facts: Facts) -> Written:
    return "Your visit is completed", [
        "your visit is completed. Thank you.",
        _visit(facts),
        _link("Tell us how it was:", facts),
    ]


_KINDS = {
    "invitation": _invitation,
    "password_reset": _password_reset,
    "confirmed": _confirmed,
    "reminder": _reminder,
    "moved": _moved,
    "canceled": _canceled,
    "on_the_way": _on_the_way,
    "running_late": _running_late,
    "arriving": _arriving,
    "completed": _completed,
}
KINDS = frozenset(_KINDS)
