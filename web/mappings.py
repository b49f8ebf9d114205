"""What lies where in a process's memory, from what /proc/PID/maps and /proc/PID/pagemap say. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import msgspec

from web.compiled import GROUP

MAX_CODE_BYTES = 32 << 20
"""An interpreter with everything in one file may be larger than all the memory it is worth."""

# Of files whose code a fix or its storing runs through: how their names begin, or a folder that they lie in.
HOT_FILES = ("python3", "libpython3", GROUP, "libc.", "libc-", "libm.", "libm-", "libsqlite3", "libpq.")
HOT_FOLDERS = frozenset({"msgspec", "uvloop", "httptools", "sqlalchemy", "greenlet", "psycopg_binary", "lib-dynload"})

STATE_BYTES = 8
"""What pagemap has for each page: a number in the processor's order of bytes, its flags in the uppermost byte."""
UPPERMOST = STATE_BYTES - 1 if sys.byteorder == "little" else 0
PRESENT, SWAPPED, OF_A_FILE = 0x80, 0x40, 0x20
NOT_PRESENT = bytes(flags for flags in range(256) if not flags & PRESENT)
NOT_OWN = bytes(flags for flags in range(256) if not flags & (PRESENT | SWAPPED) or flags & OF_A_FILE)


class Mapping(msgspec.Struct, frozen=True):
    """Addresses from `start` to before `end`; `rights` as in "r-xp"; `path` is empty for memory of no file."""

    start: int
    end: int
    rights: str
    path: str

    @property
    def size(self) -> int:
        return self.end - self.start


def mappings_in(text: str) -> Iterator[Mapping]:
    """Line by line. In a path only a newline is written as an escape, nothing else that ends a line elsewhere."""
    for line in text.split("\n"):
        if not line:
            continue
        addresses, rights, _, _, _, *path = line.split(maxsplit=5)
        start, _, end = addresses.partition("-")
        yield Mapping(int(start, 16), int(end, 16), rights, path[0] if path else "")


def heap_pages(mappings: Sequence[Mapping], *, large: int) -> list[int]:
    """The addresses at which a page of `large` bytes would hold nothing but the process's own writable memory."""
    return [
        address
        for each in mappings
        if each.rights == "rw-p" and each.path in ("", "[heap]")
        for address in range(-(-each.start // large) * large, each.end // large * large, large)
    ]


def hot_code(mappings: Sequence[Mapping], *, at_most: int = MAX_CODE_BYTES) -> list[Mapping]:
    """The code that a fix runs through and its constants, without what would be more than `at_most` bytes together."""
    chosen = []
    for each in mappings:
        path = PurePosixPath(each.path)
        hot = path.name.startswith(HOT_FILES) or not HOT_FOLDERS.isdisjoint(path.parts)
        if hot and each.rights in ("r-xp", "r--p") and each.size <= at_most:
            chosen.append(each)
            at_most -= each.size
    return chosen


def pages_in_use(states: bytes) -> int:
    """How many pages of these, as pagemap has them, are in memory."""
    return len(states[UPPERMOST::STATE_BYTES].translate(None, NOT_PRESENT))


def is_altered(states: bytes) -> bool:
    """Whether any page of these is no longer the file's that it was mapped from."""
    return bool(states[UPPERMOST::STATE_BYTES].translate(None, NOT_OWN))
