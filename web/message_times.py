"""Days and clock times in the words of a message. Pure.

Times are the site's. The names of days and months are those of the message's language; 12 or 24 hours follow the
reader's locale, as on the pages (static/js/time_words.js).
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from web.languages import Say, later

# What Unicode's locale data says: where people read English by 24 hours, and Arabic. German is read so everywhere.
_24_HOURS = {
    "en": "AI AT BE BI BW BZ CC CH CK CM CX CZ DE DG DK EE ES FI FK FR GB GE GG GI GS HU ID IE IL IM IO IT JE JP KE LT"
    " LV MG MS MT MU MV NF NG NL NO NR NU PL PN PT RO RW SC SE SH SI SK SX TK TV TZ UA UG ZA ZW",
    "ar": "IL KM MA",
}


def reads_12_hours(locale: str) -> bool:
    """Whether somebody with this BCP 47 tag reads "8:00 pm" and not "20:00"."""
    language, *rest = locale.replace("_", "-").split("-")
    by_24 = _24_HOURS.get(language.lower())
    region = next((part.upper() for part in rest if len(part) == 2), None)
    return by_24 is not None and region not in by_24.split()


def clock_words(local: datetime, say: Say, *, by_12_hours: bool, with_zone: bool = False) -> str:
    """Like "08:00", "8:00 am" or "08:00 CEST"."""
    words = f"{local:%H:%M}"
    if by_12_hours:
        clock = f"{local.hour % 12 or 12}:{local:%M}"
        words = say("{clock} am", clock=clock) if local.hour < 12 else say("{clock} pm", clock=clock)
    return f"{words} {local:%Z}" if with_zone else words


def span_words(start_s: int, end_s: int, time_zone: str, say: Say, *, by_12_hours: bool) -> str:
    """Like "Wednesday, 25 November 2026, 08:00 to 10:00 (Europe/Lisbon)"; instants in seconds since 1970."""
    zone = ZoneInfo(time_zone)
    start, end = (datetime.fromtimestamp(at_s, zone) for at_s in (start_s, end_s))
    # In the repeated hour of autumn two clock times look the same; the names of their zones tell them apart.
    named = start.utcoffset() != end.utcoffset() or _comes_twice(start) or _comes_twice(end)
    first, last = (clock_words(at, say, by_12_hours=by_12_hours, with_zone=named) for at in (start, end))
    return say("{day}, {start} to {end} ({zone})", day=_day(start, say), start=first, end=last, zone=time_zone)


def _day(local: datetime, say: Say) -> str:
    return say(
        "{weekday}, {day} {month} {year}",
        weekday=say(_WEEKDAYS[local.weekday()]),
        day=local.day,
        month=say(_MONTHS[local.month - 1]),
        year=local.year,
    )


def _comes_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


_WEEKDAYS = (
    later("Monday"),
    later("Tuesday"),
    later("Wednesday"),
    later("Thursday"),
    later("Friday"),
    later("Saturday"),
    later("Sunday"),
)
_MONTHS = (
    later("January"),
    later("February"),
    later("March"),
    later("April"),
    later("May"),
    later("June"),
    later("July"),
    later("August"),
    later("September"),
    later("October"),
    later("November"),
    later("December"),
)
