"""A report as one HTML page without any other file: tables, and plots as inline SVG. [pure]"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 34
Point = tuple[float, float]
_TRIP_HEAD = ("trip", "fixes", "refused", "positions", "arrival announced", "mean abs. ETA error s", "promises kept")

_STYLE = """
:root{color-scheme:light dark;
--ink:#1c2733;--soft:#5b6875;--line:#d7dde3;--paper:#fff;--a:#0b67b2;--b:#c2571a;--c:#5b2d91}
@media(prefers-color-scheme:dark){:root{
--ink:#e7ecf1;--soft:#9aa7b4;--line:#36424e;--paper:#131a21;--a:#5fb0f3;--b:#f0985b;--c:#b48ae0}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin:2rem 0 .4rem}p{color:var(--soft);margin:.2rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .9rem .2rem 0;text-align:right;
border-bottom:1px solid var(--line)}
td:first-child,th:first-child{text-align:left}th{color:var(--soft);font-weight:500}
svg{width:100%;height:auto;overflow:visible}svg text{font-size:12px;fill:var(--soft)}.grid{stroke:var(--line)}
.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}path{fill:none;stroke-width:1.8}
.fa{fill:var(--a)}.fb{fill:var(--b)}.fc{fill:var(--c)}ul.key{list-style:none;padding:0;display:flex;gap:1.2rem;color:var(--soft)}
ul.key span{display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px}
"""


def report_page(report: dict[str, Any]) -> str:
    """The whole page for a report of ``make_report``."""
    flow = report["throughput"]["per_second"]
    by_second = report["latency_ms_by_second"]
    sections = [
        f"<h1>{escape(str(report['title']))}</h1>",
        f"<p>{escape(', '.join(f'{name}: {value}' for name, value in report['facts'].items()))}</p>",
        _summary(report),
        "<h2>Throughput per second</h2>",
        _lines(
            [
                ("fixes sent", _indexed(flow["fixes sent"])),
                ("positions received", _indexed(flow["positions received"])),
            ],
            unit="per s",
            across="seconds",
        ),
        "<h2>Latency: fix sent to position on a screen</h2>",
        _lines(
            [
                (f"p{percent}", [(row[0], row[place]) for row in by_second if row[place] is not None])
                for place, percent in ((1, 50), (2, 90), (3, 99))
            ],
            unit="ms",
            across="seconds",
        ),
        "<h2>Freshness: age of a position when it was shown</h2>",
        _bars([(_seconds(bound), count) for bound, count in report["freshness_bins_s"]]),
        "<h2>Arrival time: promised minus real</h2>",
        _dots([(lead / 60, error) for lead, error in report["eta_errors_s"]]),
        _table("", ["minutes before", "arrivals", "mean abs. error s", "bias s", "inside the range"], _eta(report)),
        "<h2>Requests, ms</h2>",
        _distributions(report["requests_ms"]),
        "<h2>Counts</h2>",
        _table("", ["what", "times"], list(report["counts"].items())),
        "<h2>Refused fixes</h2>",
        _table("", ["reason", "fixes"], list(report["rejections"].items())),
        "<h2>Errors</h2>",
        _table("", ["error", "times"], list(report["errors"].items())),
    ]
    if "trips" in report:
        sections += ["<h2>Trips</h2>", _table("", _TRIP_HEAD, _trips(report)), "<h2>Trips that failed</h2>"]
        sections.append(_table("", ["trip", "reason"], list(report["failed_trips"].items())))
    title = escape(str(report["title"]))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><body>{''.join(sections)}</body></html>\n"
    )


def _summary(report: dict[str, Any]) -> str:
    flow, latency, age = report["throughput"], report["latency_ms"], report["freshness_s"]
    rows = [
        ("Duration, s", report["duration_s"]),
        ("Fixes sent", f"{flow['fixes_sent']} ({flow['fixes_per_s']} per s)"),
        ("Positions received", f"{flow['positions_received']} ({flow['positions_per_s']} per s)"),
        ("Latency p50 / p99, ms", f"{_number(latency['p50'])} / {_number(latency['p99'])}"),
        ("Freshness p50 / p99, s", f"{_number(age['p50'])} / {_number(age['p99'])}"),
        ("Refused fixes", sum(report["rejections"].values())),
        ("Errors", sum(report["errors"].values())),
    ]
    return _table("", ["", ""], rows)


def _eta(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            row["minutes_before"],
            row["arrivals"],
            row["mean_absolute_error_s"],
            row["bias_s"],
            "–" if row["coverage"] is None else f"{row['coverage']:.0%}",
        )
        for row in report["eta"]
    ]


def _trips(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            trip["name"],
            trip["fixes"],
            sum(trip["rejected"].values()),
            trip["positions"],
            "yes" if trip["announced"] else "no",
            _number(trip["eta_error_s"]),
            "yes" if trip["kept"] else "no",
        )
        for trip in report["trips"]
    ]


def _distributions(found: dict[str, dict[str, Any]]) -> str:
    columns = ("count", "mean", "p50", "p90", "p99", "max")
    rows = [(what, *(_number(values[c]) for c in columns)) for what, values in found.items()]
    return _table("", ["", *columns], rows)


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return "<p>None.</p>"
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head) if any(head) else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<caption>{escape(caption)}</caption>' if caption else ''}<tr>{top}</tr>{body}</table>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _seconds(bound: float) -> str:
    return "more" if bound >= 3600 else f"≤{bound:g} s"


def _indexed(values: Sequence[float]) -> list[Point]:
    return [(float(index), float(value)) for index, value in enumerate(values)]


def _nice(top: float) -> float:
    """The next round number from ``top`` up, for an axis."""
    if top <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(top))
    return next(size * step for step in (1, 2, 2.5, 5, 10) if size * step >= top)


class _Axes:
    def __init__(self, *, x: tuple[float, float], y: tuple[float, float], unit: str, across: str) -> None:
        self.x, self.y, self.unit, self.across = x, y, unit, across

    def at(self, point: Point) -> Point:
        (x0, x1), (y0, y1) = self.x, self.y
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + (point[0] - x0) / ((x1 - x0) or 1) * wide, TOP + (y1 - point[1]) / ((y1 - y0) or 1) * high

    def draw(self, inside: str, label: str) -> str:
        parts = []
        for step in range(5):
            value = self.y[0] + (self.y[1] - self.y[0]) * step / 4
            _, y = self.at((self.x[0], value))
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
        for step in range(5):
            value = self.x[0] + (self.x[1] - self.x[0]) * step / 4
            x, _ = self.at((value, self.y[0]))
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{_number(value)}</text>')
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 2}" text-anchor="end">{escape(self.across)}</text>')
        parts.append(f'<text x="2" y="10">{escape(self.unit)}</text>')
        return _svg("".join(parts) + inside, label)


def _svg(inside: str, label: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{inside}</svg>'


def _lines(series: Sequence[tuple[str, Sequence[Point]]], *, unit: str, across: str) -> str:
    points = [point for _, line in series for point in line]
    if not points:
        return "<p>Nothing was measured.</p>"
    axes = _Axes(
        x=(0.0, max(p[0] for p in points) or 1.0),
        y=(0.0, _nice(max(p[1] for p in points))),
        unit=unit,
        across=across,
    )
    inside = ""
    for (_, line), shade in zip(series, "abc", strict=False):
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(axes.at, line))
        if steps:
            inside += f'<path class="{shade}" d="M{steps.replace(" ", " L")}"/>'
    names = [name for name, _ in series]
    key = "".join(
        f'<li><span style="background:var(--{shade})"></span>{escape(name)}</li>'
        for name, shade in zip(names, "abc", strict=False)
    )
    return axes.draw(inside, f"{', '.join(names)} over time") + f'<ul class="key">{key}</ul>'


def _bars(bars: Sequence[tuple[str, float]]) -> str:
    while bars and not bars[-1][1]:
        bars = bars[:-1]
    if not bars:
        return "<p>Nothing was measured.</p>"
    top = _nice(max(count for _, count in bars))
    step = (WIDTH - LEFT - RIGHT) / len(bars)
    inside = ""
    for place, (name, count) in enumerate(bars):
        high = (HEIGHT - TOP - BOTTOM) * count / top
        x, y = LEFT + place * step + 2, HEIGHT - BOTTOM - high
        inside += f'<rect class="fa" x="{x:.1f}" y="{y:.1f}" width="{step - 4:.1f}" height="{high:.1f}"/>'
        inside += f'<text x="{x + step / 2:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(name)}</text>'
        inside += f'<text x="{x + step / 2:.1f}" y="{y - 3:.1f}" text-anchor="middle">{count:g}</text>'
    return _svg(inside, "positions by age")


def _dots(points: Sequence[Point]) -> str:
    if not points:
        return "<p>No arrival to compare with.</p>"
    reach = _nice(max(abs(p[1]) for p in points))
    axes = _Axes(
        x=(0.0, max(p[0] for p in points)),
        y=(-reach, reach),
        unit="s too late (+), too early (−)",
        across="minutes before",
    )
    inside = "".join(f'<circle class="fb" r="3" cx="{x:.1f}" cy="{y:.1f}"/>' for x, y in map(axes.at, points))
    return axes.draw(inside, "error of the promised arrival by minutes before it")
