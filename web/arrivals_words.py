"""Figures of the ledger in words: for the page in its language, for the command line in English."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from tracker.accuracy import Accuracy, Measured
from web.arrivals import Learned, Report
from web.languages import Say, decimal, english, later

HEADLINE_MINUTES = (15, 5, 30)
"""What the headline speaks of: the first of these that any visit reached."""
NO_MATTER_S = 5.0
WEEKDAYS = later("Mon Tue Wed Thu Fri Sat Sun")
MONTHS = later("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
"""Short names, said as one text: in each language as many words."""


def headline(report: Report, say: Say = english) -> str:
    """`Last 7 days: 312 visits. 15 minutes before, we were off by 92 s on average; the range held in 79 %.`"""
    total = report.total
    spoken = next((found for minutes in HEADLINE_MINUTES if (found := total.at(minutes))), None)
    count = len(report.days)
    span = say("Last {days}", days=say("{count} days", count=count)) if count > 1 else day_words(report.last_day, say)
    if spoken is None:
        return say("{span}: no arrivals yet.", span=span)
    return say(
        "{span}: {visits}. {minutes} before, we were off by {length} on average; the range held in {share}.",
        span=span,
        visits=say("{count} visits", count=total.visits),
        minutes=say("{count} minutes", count=spoken.minutes_before),
        length=length(spoken.mean_error_s, say),
        share=percent(spoken.held_share, say),
    )


def learned(report: Report, say: Say = english) -> str:
    """`Learned on 24 Nov from 312 trips. The 80 trips of the days before were off by 92.1 s, 95.3 s without learning.`;
    empty where nothing was learned yet."""
    found = report.learned
    if found is None:
        return ""
    day = datetime.datetime.fromtimestamp(found.since_ms / 1000, ZoneInfo(report.time_zone)).date()
    told = say(_learned_text(found), day=date_words(day, say), trips=say("{count} trips", count=found.trips))
    if (check := found.check) is None:
        return told
    compared = say(
        "The {trips} of the days before were off by {error}, {cold} without learning.",
        trips=say("{count} trips", count=check.trips),
        error=_tenths(check.mae_s, say),
        cold=_tenths(check.cold_mae_s, say),
    )
    return f"{told} {compared}"


def _learned_text(found: Learned) -> str:
    if found.check is not None and found.check.fell_back:
        if found.trips:
            return later("Set back on {day} to what was learned before.")
        return later("Set back on {day} to the start without learning.")
    return (
        later("Learned on {day} from {trips}.") if found.trips else later("On {day} there was nothing to learn from.")
    )


def length(seconds: float, say: Say = english) -> str:
    """`92 s`, `3.4 min`."""
    if seconds < 119.5:
        return say("{count} s", count=f"{seconds:.0f}")
    return say("{count} min", count=decimal(seconds / 60, 1, say))


def _tenths(seconds: float, say: Say) -> str:
    return say("{count} s", count=decimal(seconds, 1, say))


def percent(share: float, say: Say = english) -> str:
    return say("{number} %", number=f"{100 * share:.0f}")


def tendency(accuracy: Accuracy, say: Say = english) -> str:
    """Whether technicians come earlier or later than was told."""
    seconds = accuracy.median_error_s
    if abs(seconds) < NO_MATTER_S:
        return say("neither early nor late")
    off = length(abs(seconds), say)
    return say("{length} earlier than told", length=off) if seconds > 0 else say("{length} later than told", length=off)


def held(measured: Measured) -> float | None:
    """The share of arrivals inside the told range, of all horizons together."""
    arrivals = sum(each.arrivals for each in measured.horizons)
    if not arrivals:
        return None
    return sum(each.held_share * each.arrivals for each in measured.horizons) / arrivals


def day_words(day: datetime.date, say: Say = english) -> str:
    """`Tue 24 Nov`."""
    return say("{weekday} {date}", weekday=say(WEEKDAYS).split()[day.weekday()], date=date_words(day, say))


def date_words(day: datetime.date, say: Say = english, *, with_year: bool = False) -> str:
    """`24 Nov`, `24 Nov 2026`."""
    month = say(MONTHS).split()[day.month - 1]
    if with_year:
        return say("{day} {month} {year}", day=day.day, month=month, year=day.year)
    return say("{day} {month}", day=day.day, month=month)


def span_words(report: Report, say: Say = english) -> str:
    """`18 Nov to 24 Nov 2026`."""
    first, last = report.first_day, report.last_day
    until = date_words(last, say, with_year=True)
    if first == last:
        return until
    return say("{first} to {last}", first=date_words(first, say, with_year=first.year != last.year), last=until)
