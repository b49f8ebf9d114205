"""Horizontal bars as an SVG: one panel per question, drawn by hand so that nothing has to be installed for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from html import escape
from pathlib import Path

import msgspec

PANEL_WIDTH, PANEL_GAP, MARGIN = 460, 40, 32
LABEL_WIDTH, VALUE_WIDTH, BAR_HEIGHT, BAR_GAP, HEADING_HEIGHT = 110, 60, 18, 6, 34
TITLE_HEIGHT, FOOT_HEIGHT = 40, 36
COLUMNS = 2
INK, FAINT, BAR, OURS = "#1c2733", "#6b7785", "#b8c4d0", "#0a7a5c"


class Bar(msgspec.Struct, frozen=True):
    """`value` None is a bar that could not be measured; `note` stands in its place. `ours` gets the colour."""

    label: str
    value: float | None
    ours: bool = False
    note: str = ""


class Panel(msgspec.Struct, frozen=True):
    """Bars on a scale of their own."""

    title: str
    bars: Sequence[Bar]
    mark: float | None = None
    """Where a dotted line goes through all bars."""


class NoConverter(RuntimeError):
    """A picture of points was asked for, and no program that makes one is here."""

    def __str__(self) -> str:
        return "A PNG needs rsvg-convert: install librsvg2-bin, or ask for a file that ends in .svg."


def check_plot(path: Path) -> None:
    """Raises NoConverter, or ValueError for a kind of file we cannot write: before an hour is spent on measuring."""
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f"A plot is an .svg or a .png file, not {path.name}.")
    if path.suffix == ".png" and shutil.which("rsvg-convert") is None:
        raise NoConverter


def write_plot(path: Path, panels: Sequence[Panel], *, title: str, foot: str) -> None:
    """Raises what check_plot raises."""
    check_plot(path)
    svg = draw(panels, title=title, foot=foot).encode()
    if path.suffix == ".svg":
        path.write_bytes(svg)
        return
    subprocess.run(["rsvg-convert", "--zoom", "2", "--output", str(path)], input=svg, check=True)


def draw(panels: Sequence[Panel], *, title: str, foot: str) -> str:
    parts: list[str] = []
    y = MARGIN + TITLE_HEIGHT
    for start in range(0, len(panels), COLUMNS):
        line = panels[start : start + COLUMNS]
        for column, panel in enumerate(line):
            parts += _panel(panel, MARGIN + column * (PANEL_WIDTH + PANEL_GAP), y)
        y += max(_height(panel) for panel in line)
    width = 2 * MARGIN + COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * PANEL_GAP
    height = y + FOOT_HEIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="system-ui, sans-serif" font-size="13" fill="{INK}">'
        f'<title>{escape(title)}</title><rect width="{width}" height="{height}" fill="#fff"/>'
    )
    heading = _text(MARGIN, MARGIN + 10, title, size=18, weight=600)
    return "\n".join([head, heading, *parts, _text(MARGIN, height - 18, foot, colour=FAINT, size=12), "</svg>\n"])


def _height(panel: Panel) -> int:
    return HEADING_HEIGHT + len(panel.bars) * (BAR_HEIGHT + BAR_GAP) + 24


def _panel(panel: Panel, x: int, y: int) -> list[str]:
    longest = max((bar.value for bar in panel.bars if bar.value is not None), default=0) or 1
    scale = (PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH) / longest
    left = x + LABEL_WIDTH
    parts = [_text(x, y + 16, panel.title, weight=600)]
    values: list[str] = []
    top = y + HEADING_HEIGHT
    for number, bar in enumerate(panel.bars):
        bar_y = top + number * (BAR_HEIGHT + BAR_GAP)
        baseline = bar_y + BAR_HEIGHT - 5
        weight = 600 if bar.ours else 400
        parts.append(_text(left - 8, baseline, bar.label, anchor="end", weight=weight))
        if bar.value is None:
            parts.append(_text(left + 4, baseline, bar.note, colour=FAINT))
            continue
        length = bar.value * scale
        colour = OURS if bar.ours else BAR
        parts.append(
            f'<rect x="{left}" y="{bar_y}" width="{length:.1f}" height="{BAR_HEIGHT}" rx="2" fill="{colour}"/>'
        )
        values.append(_text(left + length + 6, baseline, f"{bar.value:.1f}", weight=weight))
    if panel.mark is not None:
        at = left + panel.mark * scale
        bottom = top + len(panel.bars) * (BAR_HEIGHT + BAR_GAP)
        parts.append(
            f'<line x1="{at:.1f}" y1="{top - 4}" x2="{at:.1f}" y2="{bottom}" stroke="{INK}" stroke-dasharray="2 3"/>'
        )
    # Last, with a white edge: the line may run through them.
    return [*parts, *values]


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = INK, size: int = 13, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}"'
        f' font-weight="{weight}" stroke="#fff" stroke-width="3" paint-order="stroke">{escape(text)}</text>'
    )
