"""What an import is given, before anybody has judged it: entries of lists, each with the place it came from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from web.import_rows import ROW_TYPES


class Place(NamedTuple):
    """Where an entry stands: `shifts.csv:12`, `set-up.json: technicians[3]`, or only a path where there is no file."""

    file: str | None = None
    line: int | None = None
    path: str = ""

    def inside(self, field: str) -> Place:
        """The place of a field of this entry; `field` is as in JSON, such as `home.lat`."""
        if self.line is not None:
            return self._replace(path=field.replace(".", "_"))
        return self._replace(path=f"{self.path}.{field}" if self.path else field)

    def __str__(self) -> str:
        file = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (file, self.path) if part)


class Entry(NamedTuple):
    """One entry of a list, as it was read."""

    place: Place
    data: object


class ImportProblem(msgspec.Struct, frozen=True):
    """One thing wrong with what is imported: where (`technicians[3].shifts[0].start`) and what to do about it."""

    at: str
    detail: str

    def __str__(self) -> str:
        return f"{self.at}: {self.detail}"


class Entries:
    """The entries of every list, in the order in which they were read, and what could not be read."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Entry]] = {kind: [] for kind in ROW_TYPES}
        self.problems: list[ImportProblem] = []

    @property
    def total(self) -> int:
        return sum(map(len, self.lists.values()))

    def add(self, kind: str, place: Place, data: object) -> None:
        self.lists[kind].append(Entry(place, data))

    def refuse(self, place: Place, detail: str) -> None:
        self.problems.append(ImportProblem(str(place), detail))

    def add_object(self, data: object, *, file: str | None = None) -> None:
        """The lists of one JSON object, as in `ImportFile`."""
        if not isinstance(data, Mapping):
            self.refuse(Place(file, path="$"), "the file must be one JSON object with lists inside")
            return
        for kind, entries in data.items():
            if kind not in ROW_TYPES:
                self.refuse(Place(file, path=str(kind)), f"unknown list; known are {', '.join(ROW_TYPES)}")
            else:
                self.add_list(kind, entries, file=file)

    def add_list(self, kind: str, entries: Any, *, file: str | None = None) -> None:
        if not isinstance(entries, list):
            self.refuse(Place(file, path=kind), f"expected a list, got {type(entries).__name__}")
            return
        for index, entry in enumerate(entries):
            self.add(kind, Place(file, path=f"{kind}[{index}]"), entry)
