"""One CSV file, as spreadsheets write it, into the entries of one list. Pure.

A cell is only brought into the shape that JSON has (`8:00` → `08:00`, `41,15` → 41.15); what it makes no sense of stays
as it is, and the checks of the row name it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from web.import_columns import COLUMNS, Column
from web.import_entries import Entries, Place

# By the first line that has any of them. A semicolon is what Excel writes where the comma is for decimals.
SEPARATORS = ";,\t"
# More wrong lines than this come from one wrong file.
MAX_PROBLEMS = 1000

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::00)?")
_YES_NO = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


def read_csv(entries: Entries, kind: str, content: str, *, file: str) -> None:
    """`content` is the file as text, line ends as they are. Every entry knows the line it begins at."""
    separator, skipped = _separator(content)
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    names: list[str] | None = None
    line = 1
    try:
        for row in rows:
            place, line = Place(file, line), rows.line_num + 1
            cells = [cell.strip() for cell in row]
            if (place.line or 0) <= skipped or not any(cells):
                continue
            if names is None:
                names = _names(entries, place, COLUMNS[kind], cells)
                if names is None:
                    return
            else:
                _read_row(entries, kind, place, dict(zip(names, cells, strict=False)), cells[len(names) :], separator)
            if len(entries.problems) >= MAX_PROBLEMS:
                entries.refuse(Place(file), "too much is wrong; the rest was not read")
                return
    except csv.Error as error:
        entries.refuse(Place(file, line), f"{error}; is a quotation mark never closed, or one too many?")
        return
    if names is None:
        entries.refuse(Place(file), f"the file is empty; the first line names the columns: {_known(COLUMNS[kind])}")


def _separator(content: str) -> tuple[str, int]:
    """The separator, and how many lines before the header are about it (Excel's own `sep=;`)."""
    first = next((line for line in content.splitlines() if line.strip()), "")
    if match := re.fullmatch(r'"?sep=(.)"?', first.strip()):
        return match[1], 1
    return max(SEPARATORS, key=first.count), 0


def _known(columns: Mapping[str, Column]) -> str:
    return ", ".join(columns)


def _names(entries: Entries, place: Place, columns: Mapping[str, Column], cells: Sequence[str]) -> list[str] | None:
    names = [re.sub(r"[\s-]+", "_", cell.casefold()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    faults = []
    for index, name in enumerate(names):
        if not name:
            faults.append(f"column {index + 1} has no name")
        elif name not in columns:
            near = get_close_matches(name, columns, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            faults.append(f"unknown column {name!r}{meant}")
        elif name in names[:index]:
            faults.append(f"column {name!r} stands twice")
    faults += [
        f"column {name!r} is missing" for name, column in columns.items() if column.required and name not in names
    ]
    for fault in faults:
        entries.refuse(place, f"{fault} (known are {_known(columns)})")
    return None if faults else names


def _read_row(
    entries: Entries, kind: str, place: Place, cells: dict[str, str], rest: Sequence[str], separator: str
) -> None:
    if any(rest):
        detail = f"more cells than columns; a cell with {separator!r} in it must stand in quotation marks"
        entries.refuse(place, detail)
        return
    columns = COLUMNS[kind]
    data: dict[str, Any] = {}
    for name, cell in cells.items():
        if cell:
            data[name] = _read_cell(columns[name], cell, separator)
    if kind == "technicians":
        _join_home(data)
    days = data.get("weekday")
    if isinstance(days, list):
        for day in days:
            entries.add(kind, place, data | {"weekday": day})
    else:
        entries.add(kind, place, data)


def _read_cell(column: Column, cell: str, separator: str) -> Any:
    match column.kind:
        case "number":
            return _number(cell, separator)
        case "yes_no":
            return _YES_NO.get(cell.casefold(), cell)
        case "ids":
            return [each for each in re.split(r"[\s|,;]+", cell) if each]
        case "time":
            match = _TIME.fullmatch(cell)
            return f"{int(match[1]):02}:{match[2]}" if match else cell
        case "weekday":
            return _weekdays(cell)
        case _:
            return cell.replace("\r\n", "\n").replace("\r", "\n")


def _number(cell: str, separator: str) -> int | float | str:
    # A comma for decimals, and only there: where it parts the cells, "41,15" can only be two numbers in quotes.
    text = cell if separator == "," else cell.replace(",", ".")
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    if re.fullmatch(r"[+-]?\d{1,18}\.\d{1,18}", text):
        return float(text)
    return cell


def _weekdays(cell: str) -> int | list[int] | str:
    first, dash, last = (part.strip() for part in cell.casefold().partition("-"))
    start, end = _weekday(first), _weekday(last) if dash else None
    if start is None or (dash and end is None):
        return cell
    if end is None:
        return start
    return [(start + n) % 7 for n in range((end - start) % 7 + 1)]


def _weekday(word: str) -> int | None:
    if re.fullmatch(r"[0-6]", word):
        return int(word)
    return next((day for day, name in enumerate(_WEEKDAYS) if word in (name, name[:3])), None)


def _join_home(data: dict[str, Any]) -> None:
    """`home_lat` and `home_lon` are one place in JSON."""
    home = {name.removeprefix("home_"): data.pop(name) for name in ("home_lat", "home_lon") if name in data}
    if home:
        data["home"] = home
