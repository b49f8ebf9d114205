"""From files to entries: which list a file is about, and how it is read.

CSV      one list; the file is named after it (`shifts.csv`, also `2026 shifts.csv`)
GeoJSON  territories, one for each feature
JSON     one object with lists inside, as `ImportFile`; or one list, in a file named after it
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from web.import_columns import COLUMNS
from web.import_csv import read_csv
from web.import_entries import Entries, Place
from web.import_rows import ROW_TYPES

# A large company's set-up: a hundred thousand rows of some hundred bytes, with room for polygons.
MAX_FILE_BYTES = 32 * 2**20
MAX_FILES = 200
MAX_ENTRIES = 500_000

SUFFIXES = (".csv", ".geojson", ".json")


class SourceFile(NamedTuple):
    """`name` as the person wrote it: messages begin with it."""

    name: str
    content: bytes


class UnreadableFiles(Exception):
    """What was named cannot be read at all; the sentence says what and why."""


def read_files(paths: Iterable[str]) -> tuple[list[SourceFile], list[str]]:
    """The files, those of a folder by name, and the names of what a folder holds besides. `-` is standard input.

    Raises UnreadableFiles.
    """
    found: list[Path | None] = []
    ignored: list[str] = []
    for path in map(Path, paths):
        if str(path) == "-":
            found.append(None)
        elif path.is_dir():
            inside = sorted(each for each in path.iterdir() if not each.name.startswith((".", "~$")))
            fitting = [each for each in inside if each.is_file() and each.suffix.casefold() in SUFFIXES]
            if not fitting:
                raise UnreadableFiles(f"{path} holds no file that ends in {', '.join(SUFFIXES)}.")
            found += fitting
            ignored += [str(each) for each in inside if each not in fitting]
        else:
            found.append(path)
    if len(found) > MAX_FILES:
        raise UnreadableFiles(f"{len(found)} files; at most {MAX_FILES} at a time.")
    files = [_read(path) for path in dict.fromkeys(found)]
    return files, ignored


def _read(path: Path | None) -> SourceFile:
    name = "standard input" if path is None else str(path)
    try:
        if path is None:
            content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnreadableFiles(f"{name} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableFiles(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MiB; import it in parts.")
    return SourceFile(name, content)


def entries_of(files: Sequence[SourceFile]) -> Entries:
    """The entries of all files together; what cannot be read stands in `problems`. Pure."""
    entries = Entries()
    for file in files:
        text = _text(entries, file)
        if text is None:
            continue
        suffix = Path(file.name).suffix.casefold()
        if suffix == ".csv":
            if kind := _named_list(entries, file.name):
                read_csv(entries, kind, text, file=file.name)
        elif (data := _json(entries, file.name, text)) is not None:
            _read_json(entries, file.name, data.value)
        if entries.total > MAX_ENTRIES:
            entries.refuse(Place(file.name), f"more than {MAX_ENTRIES} rows; import them in parts")
            break
    return entries


def _text(entries: Entries, file: SourceFile) -> str | None:
    how = "save it as UTF-8 (in Excel: CSV UTF-8)"
    if file.content.startswith((b"\xff\xfe", b"\xfe\xff")):
        entries.refuse(Place(file.name), f"the file is UTF-16; {how}")
        return None
    if file.content.startswith(b"PK\x03\x04"):
        entries.refuse(Place(file.name), f"the file is a workbook; {how}")
        return None
    try:
        return file.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        entries.refuse(Place(file.name, line), f"the file is not UTF-8; {how}")
        return None


def _named_list(entries: Entries, name: str) -> str | None:
    words = set(re.split(r"[^a-z]+", Path(name).stem.casefold()))
    kinds = sorted(words & set(COLUMNS))
    if len(kinds) == 1:
        return kinds[0]
    if "territories" in words:
        entries.refuse(Place(name), "territories come as GeoJSON (territories.geojson)")
    else:
        known = ", ".join(f"{kind}.csv" for kind in COLUMNS)
        entries.refuse(Place(name), f"a CSV file is named after the one list in it: {known}")
    return None


class _Parsed(NamedTuple):
    """So that the JSON text `null` is not taken for nothing."""

    value: Any


def _json(entries: Entries, name: str, text: str) -> _Parsed | None:
    try:
        return _Parsed(json.loads(text, object_pairs_hook=_object, parse_constant=_no_number))
    except json.JSONDecodeError as error:
        entries.refuse(Place(name, error.lineno), f"the file is not JSON: {error.msg} at character {error.colno}")
    except RecursionError:
        entries.refuse(Place(name), "the file is not JSON that anybody wrote: nested too deeply")
    except ValueError as error:
        entries.refuse(Place(name), f"the file is not JSON: {error}")
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object; the first would be lost")
    for name, value in pairs:
        name.encode()  # half a surrogate pair is written \ud800 in JSON and cannot be stored: a ValueError
        if isinstance(value, str):
            value.encode()
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _read_json(entries: Entries, name: str, data: Any) -> None:
    if isinstance(data, dict) and data.get("type") in ("FeatureCollection", "Feature"):
        _read_geojson(entries, name, data)
    elif Path(name).suffix.casefold() == ".geojson":
        entries.refuse(Place(name, path="$"), "expected a GeoJSON FeatureCollection or Feature")
    elif isinstance(data, list):
        words = set(re.split(r"[^a-z]+", Path(name).stem.casefold())) & set(ROW_TYPES)
        if len(words) == 1:
            entries.add_list(words.pop(), data, file=name)
        else:
            entries.refuse(Place(name, path="$"), "a file with a bare list is named after it, such as sites.json")
    else:
        entries.add_object(data, file=name)


def _read_geojson(entries: Entries, name: str, data: dict[str, Any]) -> None:
    """Every feature is a territory; its id and name stand in its properties, where map programs keep columns."""
    features = data.get("features") if data["type"] == "FeatureCollection" else [data]
    if not isinstance(features, list):
        entries.refuse(Place(name, path="features"), "expected a list")
        return
    for index, feature in enumerate(features):
        place = Place(name, path=f"features[{index}]")
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            entries.refuse(place, "expected a GeoJSON Feature")
            continue
        properties = feature.get("properties") or {}
        identity = feature.get("id", properties.get("id") if isinstance(properties, dict) else None)
        if not isinstance(identity, str | int) or not isinstance(properties, dict):
            entries.refuse(place, "a territory needs an id: `id` of the feature, or `id` among its properties")
            continue
        label = properties.get("name") or str(identity)
        territory = {"id": str(identity), "name": label, "polygon": feature.get("geometry")}
        entries.add("territories", place, territory)
