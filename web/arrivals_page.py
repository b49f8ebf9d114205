"""What the page `/dispatch/arrivals` shows: sentences, cards, a chart, tables. Rendered here, so that it is there
without any script; the chart's numbers are attributes of SVG, because the content policy allows no inline style."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from starlette.requests import Request

from tracker.accuracy import Measured
from tracker.ledger import MINUTES_BEFORE
from web import arrivals_words as words
from web.arrivals import DEFAULT_DAYS, EVERYTHING, Group, Report, read_report
from web.languages import Say, english
from web.state import state_of

SPANS = (7, 28, 91)
ROWS_SHOWN, ROWS_FOLDED = 10, 90
"""Of a table as it opens, and of what can be unfolded under it; what comes after these is for the API."""
SCALES_S = (
    (30, 10), (60, 20), (120, 30), (180, 60), (300, 60), (600, 120), (900, 300), (1800, 600), (3600, 1200),
    (7200, 1800),
)  # fmt: skip
"""Where the chart may end at the top, and the steps up to there."""
HEIGHT = 100
DAY_WIDTH = 10
LABELS = 7


class Line(msgspec.Struct):
    """One horizon of the chart: the line, broken at days without arrivals, and a dot for every day."""

    minutes: int
    path: str
    dots: str


class Tick(msgspec.Struct):
    """The name under a day; `spare`: left out where there is little room."""

    name: str
    spare: bool


class Chart(msgspec.Struct):
    """`heights`: where the lines of the scale lie; `scale`: what they are called, from the top; `days`: a tick or
    nothing under each day."""

    width: int
    lines: list[Line]
    heights: list[float]
    scale: list[str]
    days: list[Tick | None]


class Row(msgspec.Struct):
    """A line of a table: errors 30, 15 and 5 minutes before, and how often the range held."""

    name: str
    visits: int
    errors: list[str]
    held: str


async def fill(request: Request, say: Say) -> dict[str, Any]:
    """The values of `arrivals.html`; their words are said by `say`."""
    state = state_of(request)
    days = _days(request.query_params.get("days"))
    now_ms = state.now_ms()
    report = await read_report(state.database, state.node.store, now_ms=now_ms, by=EVERYTHING, days=days, say=say)
    return {
        "report": report,
        "words": words,
        "spans": SPANS,
        "days": days,
        "horizons": report.total.horizons,
        "minutes_before": MINUTES_BEFORE,
        "chart": chart(report, say),
        "by_day": [row(group, say, day=True) for group in reversed(report.groups["day"])],
        "by_technician": [row(group, say) for group in report.groups["technician"]],
        "by_area": [row(group, say) for group in report.groups["area"]],
        "shown": ROWS_SHOWN,
        "folded": ROWS_FOLDED,
    }


def _days(text: str | None) -> int:
    return next((days for days in SPANS if str(days) == text), DEFAULT_DAYS)


def row(group: Group, say: Say = english, *, day: bool = False) -> Row:
    """The group as a line of its table."""
    measured = group.measured
    held = words.held(measured)
    return Row(
        name=words.day_words(datetime.date.fromisoformat(group.name), say) if day else group.name,
        visits=measured.visits,
        errors=[_error(measured, minutes, say) for minutes in MINUTES_BEFORE],
        held="–" if held is None else words.percent(held, say),
    )


def _error(measured: Measured, minutes: int, say: Say) -> str:
    accuracy = measured.at(minutes)
    return "–" if accuracy is None else words.length(accuracy.mean_error_s, say)


def chart(report: Report, say: Say = english) -> Chart | None:
    """The mean error of each day, one line per horizon; None where nobody arrived."""
    measured = {group.key: group.measured for group in report.groups["day"]}
    of_days = [measured.get(day.isoformat()) for day in report.days]
    values: dict[int, list[float | None]] = {}
    for minutes in MINUTES_BEFORE:
        told = [each.at(minutes) if each else None for each in of_days]
        values[minutes] = [each.mean_error_s if each else None for each in told]
    known = [value for each in values.values() for value in each if value is not None]
    if not known:
        return None
    top_s, step_s = next((scale for scale in SCALES_S if scale[0] >= max(known)), SCALES_S[-1])
    steps = range(top_s // step_s, -1, -1)
    return Chart(
        width=DAY_WIDTH * len(of_days),
        lines=[_line(minutes, values[minutes], top_s) for minutes in MINUTES_BEFORE],
        heights=[HEIGHT * (1 - step * step_s / top_s) for step in steps],
        scale=[_scale(step * step_s, top_s, say) for step in steps],
        days=_ticks(report.days, say),
    )


def _line(minutes: int, values: list[float | None], top_s: int) -> Line:
    path, dots = [], []
    broken = True
    for number, value in enumerate(values):
        if value is None:
            broken = True
            continue
        x, y = (number + 0.5) * DAY_WIDTH, HEIGHT * (1 - min(value / top_s, 1.0))
        path.append(f"{'M' if broken else 'L'}{x:g} {y:.1f}")
        dots.append(f"M{x:g} {y:.1f}h0")
        broken = False
    return Line(minutes, "".join(path), "".join(dots))


def _scale(seconds: int, top_s: int, say: Say) -> str:
    if not seconds:
        return "0"
    if top_s <= 120:
        return say("{count} s", count=seconds)
    return say("{count} min", count=seconds // 60)


def _ticks(days: list[datetime.date], say: Say) -> list[Tick | None]:
    """At most seven ticks, counted back from the last day."""
    every = -(-len(days) // LABELS)
    ticks: list[Tick | None] = []
    for number, day in enumerate(days):
        place, between = divmod(len(days) - 1 - number, every)
        ticks.append(None if between else Tick(words.date_words(day, say), spare=place % 2 == 1))
    return ticks
