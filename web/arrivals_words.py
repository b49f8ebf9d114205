"""Figures of the ledger in words, for the page and the command line alike."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from tracker.accuracy import Accuracy, Measured
from web.arrivals import Report

HEADLINE_MINUTES = (15, 5, 30)
"""What the headline speaks of: the first of these that any visit reached."""
NO_MATTER_S = 5.0


def headline(report: Report) -> str:
    """`Last 7 days: 312 visits. 15 minutes before, we were off by 92 s on average; the range held in 79 %.`"""
    total = report.total
    spoken = next((found for minutes in HEADLINE_MINUTES if (found := total.at(minutes))), None)
    days = len(report.days)
    span = f"Last {days} days" if days > 1 else day_words(report.last_day)
    if spoken is None:
        return f"{span}: no arrivals yet."
    visits = "1 visit" if total.visits == 1 else f"{total.visits} visits"
    return (
        f"{span}: {visits}. {spoken.minutes_before} minutes before, we were off by {length(spoken.mean_error_s)}"
        f" on average; the range held in {percent(spoken.held_share)}."
    )


def learned(report: Report) -> str:
    """`Learned on 24 Nov from 312 trips. The 80 trips of the days before were off by 92.1 s, 95.3 s without learning.`;
    empty where nothing was learned yet."""
    found = report.learned
    if found is None:
        return ""
    day = datetime.datetime.fromtimestamp(found.since_ms / 1000, ZoneInfo(report.time_zone)).date()
    check = found.check
    source = f"from {found.trips} trips" if found.trips else "nothing"
    if check is None:
        return f"Learned on {day.day} {day:%b} {source}."
    compared = f"off by {check.mae_s:.1f} s, {check.cold_mae_s:.1f} s without learning"
    if check.fell_back:
        back = "what was learned before them" if found.trips else "the start without learning"
        return f"Back to {back} on {day.day} {day:%b}: the {check.trips} trips of the days before were {compared}."
    return f"Learned on {day.day} {day:%b} {source}. The {check.trips} trips of the days before were {compared}."


def length(seconds: float) -> str:
    """`92 s`, `3.4 min`."""
    return f"{seconds:.0f} s" if seconds < 119.5 else f"{seconds / 60:.1f} min"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def tendency(accuracy: Accuracy) -> str:
    """Whether technicians come earlier or later than was told."""
    seconds = accuracy.median_error_s
    if abs(seconds) < NO_MATTER_S:
        return "neither early nor late"
    return f"{length(abs(seconds))} {'earlier' if seconds > 0 else 'later'} than told"


def held(measured: Measured) -> float | None:
    """The share of arrivals inside the told range, of all horizons together."""
    arrivals = sum(each.arrivals for each in measured.horizons)
    if not arrivals:
        return None
    return sum(each.held_share * each.arrivals for each in measured.horizons) / arrivals


def day_words(day: datetime.date) -> str:
    """`Tue 24 Nov`."""
    return f"{day:%a} {day.day} {day:%b}"


def span_words(report: Report) -> str:
    """`18 Nov to 24 Nov 2026`."""
    first, last = report.first_day, report.last_day
    if first == last:
        return f"{last.day} {last:%b %Y}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%b}{year} to {last.day} {last:%b %Y}"
