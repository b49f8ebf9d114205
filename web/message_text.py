"""The words of the messages. Pure: facts in, subject and text out.

Times are the site's; the arrival window is what was promised, so it is what is told. English stands here, the other
languages in `web/words/<language>.json`.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from web.languages import DEFAULT, RIGHT_TO_LEFT, Say, letter_translator
from web.message_times import clock_words, span_words

# Unicode's invisible marks. In a text from right to left a name, a number or an address keeps its own direction inside
# of an isolate, and a line that begins with one begins on the right nevertheless.
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"
RIGHT_TO_LEFT_MARK = "\u200f"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a message may mention, and the language to say it in. Instants in seconds since 1970; urls are absolute."""

    brand: str
    base_url: str
    language: str = DEFAULT
    by_12_hours: bool = False
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
    """Plain text for a person, in `language`. Its text may hold a link that is a secret: it goes to nobody else."""

    subject: str
    text: str
    language: str = DEFAULT

    def __repr__(self) -> str:
        return f"Letter({self.subject!r})"


def write_letter(kind: str, facts: Facts) -> Letter:
    """KeyError for a kind nobody has words for."""
    say = _speaker(facts.language)
    subject, lines = _KINDS[kind](facts, say)
    greeting = say("Hello {name},", name=facts.name) if facts.name else say("Hello,")
    closing = [facts.brand]
    if facts.contact_phone:
        closing.append(say("Phone: {phone}", phone=facts.contact_phone))
    if facts.contact_email:
        closing.append(say("E-mail: {email}", email=facts.contact_email))
    paragraphs = [greeting, *[line for line in lines if line], "\n".join(closing)]
    text = "\n\n".join(paragraphs) + "\n"
    if facts.language in RIGHT_TO_LEFT:
        text = "".join(map(_from_the_right, text.splitlines(keepends=True)))
    return Letter(_one_line(subject), text, facts.language)


def _speaker(language: str) -> Say:
    translate = letter_translator(language)
    isolated = f"{ISOLATE}{{}}{END_OF_ISOLATE}" if language in RIGHT_TO_LEFT else "{}"

    def say(text: str, **values: object) -> str:
        return translate(text).format(**{name: isolated.format(value) for name, value in values.items()})

    return say


def _from_the_right(line: str) -> str:
    # A link is copied as it stands: a mark in front of it would become part of the address.
    return line if not line.strip() or "://" in line else RIGHT_TO_LEFT_MARK + line


def _one_line(text: str) -> str:
    # A name or a service with a line break in it must not become a second header.
    return " ".join(text.split())


def window_words(facts: Facts, say: Say | None = None) -> str:
    """Like "Wednesday, 25 November 2026, 08:00 to 10:00 (Europe/Lisbon)"."""
    _ = say or _speaker(facts.language)
    if facts.window_start_s is None or facts.window_end_s is None:
        return _("the agreed time")
    start_s, end_s = facts.window_start_s, facts.window_end_s
    return span_words(start_s, end_s, facts.time_zone, _, by_12_hours=facts.by_12_hours)


def _clock(at_s: int, facts: Facts, _: Say) -> str:
    return clock_words(datetime.fromtimestamp(at_s, ZoneInfo(facts.time_zone)), _, by_12_hours=facts.by_12_hours)


def _visit(facts: Facts, _: Say) -> str:
    lines = [_("When: {when}", when=window_words(facts, _))]
    if facts.service:
        lines.insert(0, _("What: {service}", service=facts.service))
    if facts.address:
        lines.append(_("Where: {address}", address=facts.address))
    return "\n".join(lines)


def _reason(facts: Facts, _: Say) -> str | None:
    return _("Reason: {reason}", reason=facts.cancel_reason) if facts.cancel_reason else None


def _arrival(facts: Facts, _: Say) -> str | None:
    if facts.eta_low_s is None or facts.eta_high_s is None:
        return None
    low, high = (_clock(at_s, facts, _) for at_s in (facts.eta_low_s, facts.eta_high_s))
    return _("Expected arrival: between {low} and {high}.", low=low, high=high)


def _link(words: str, facts: Facts) -> str | None:
    return f"{words}\n{facts.url}" if facts.url else None


Written = tuple[str, list[str | None]]


def _invitation(facts: Facts, _: Say) -> Written:
    return _("Your invitation to {brand}", brand=facts.brand), [
        _("you have been invited to book and follow your visits online."),
        _link(_("Choose a password here. The link works once:"), facts),
        _("If you did not expect this message, you can ignore it."),
    ]


def _password_reset(facts: Facts, _: Say) -> Written:
    return _("Set a new password for {brand}", brand=facts.brand), [
        _("somebody, hopefully you, asked to set a new password."),
        _link(_("The link works once and for one hour:"), facts),
        _("If it was not you, you can ignore this message: nothing has changed."),
    ]


def _confirmed(facts: Facts, _: Say) -> Written:
    return _("Your visit is booked: {when}", when=window_words(facts, _)), [
        _("your visit is booked."),
        _visit(facts, _),
        _link(_("See, move or cancel it here:"), facts),
    ]


def _reminder(facts: Facts, _: Say) -> Written:
    return _("Reminder: your visit, {when}", when=window_words(facts, _)), [
        _("this is a reminder of your visit."),
        _visit(facts, _),
        _link(_("See, move or cancel it here:"), facts),
    ]


def _moved(facts: Facts, _: Say) -> Written:
    return _("Your visit has a new time: {when}", when=window_words(facts, _)), [
        _("your visit has a new time."),
        _visit(facts, _),
        _link(_("See it here:"), facts),
    ]


def _canceled(facts: Facts, _: Say) -> Written:
    if facts.offer_again:
        return _("Your visit could not be done"), [
            _("we were there, but your visit could not be done. It was canceled, and we will gladly come again."),
            _visit(facts, _),
            _reason(facts, _),
            _link(_("Choose a new time for it here:"), facts),
        ]
    return _("Your visit was canceled"), [
        _("your visit was canceled."),
        _visit(facts, _),
        _reason(facts, _),
        _link(_("Book a new one here:"), facts),
    ]


def _on_the_way(facts: Facts, _: Say) -> Written:
    who = facts.technician or _("Your technician")
    return _("{who} is on the way", who=who), [
        _("{who} is on the way to you.", who=who),
        _arrival(facts, _),
        _link(_("Follow the arrival on the map. The link is yours alone:"), facts),
    ]


def _running_late(facts: Facts, _: Say) -> Written:
    who, when = facts.technician or _("Your technician"), window_words(facts, _)
    return _("Your visit is running late"), [
        _("we are sorry: {who} will arrive later than promised ({when}).", who=who, when=when),
        _arrival(facts, _),
        _link(_("Follow the arrival on the map. The link is yours alone:"), facts),
    ]


def _arriving(facts: Facts, _: Say) -> Written:
    who = facts.technician or _("Your technician")
    return _("{who} is about to arrive", who=who), [
        _("{who} is about to arrive.", who=who),
        _link(_("On the map:"), facts),
    ]


def _completed(facts: Facts, _: Say) -> Written:
    return _("Your visit is completed"), [
        _("your visit is completed. Thank you."),
        _visit(facts, _),
        _link(_("Tell us how it was:"), facts),
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
