"""The memory of a serving process close together and in large pages.

A processor knows by heart where a few thousand pages of memory are. For any other it walks through tables, on a virtual
machine through two sets of them, and a host that takes away what was idle for a second makes that tens of microseconds.
The objects and the code that one fix touches lie all over some 100 MB; in pages of 2 MB instead of 4 KB those are a few
dozen pages in all.

The heap: `reserve_heap` before the large imports, or Python's arenas and the libraries' code take turns in the address
space and nothing of 2 MB is whole; `gather_heap` when the server is ready and when it has grown. The code:
`gather_code` moves the libraries that a fix runs through into one piece of memory made of large pages, as
`node --use-largepages` and PHP's `opcache.huge_code_pages` do. Seen at their old addresses those are small pages again,
but side by side, for which processors and hosts have short cuts. Profilers and debuggers that look for the libraries'
files in the process no longer find them: ENROUTE_LARGE_PAGES=off is for them.

A large page that is looked at a few times a second stays at hand, whatever the host does: `touch`.

Nothing here is needed: where the system has no large pages, or forbids something of this, memory stays as it was.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import itertools
import mmap
import os
import platform
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from web.mappings import STATE_BYTES, Mapping, heap_pages, hot_code, is_altered, mappings_in, pages_in_use

RESERVED_BYTES = 48 << 20
"""What a server without any customers needs anyway for its modules."""

WORTH = 0.5
"""The part of a large page that has to be in use, or gathering it would cost memory: of a thread's stack, say."""

TOUCH_EVERY_S = 0.25
LOOK_EVERY = 20
"""Touches between two looks whether the process has grown,"""
GROWN_BYTES = 8 << 20
"""by at least so much."""

CODE_STEP_BYTES = 1 << 20

MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25
MREMAP_MAYMOVE, MREMAP_FIXED = 1, 2
MAP_FAILED = ctypes.c_void_p(-1).value
MAX_PIECES = 1024  # IOV_MAX
SCRATCH_BYTES = 64 << 10

SYSTEM = Path("/sys/kernel/mm/transparent_hugepage")
PROCESS = Path("/proc/self")


def reserve_heap(size_bytes: int = RESERVED_BYTES) -> None:
    """Let Python's allocator ask for so many bytes now, one arena beside the other, and keep them. It returns an arena
    that is wholly free, so a few small objects stay in each. Where there are no large pages, nothing is kept."""
    if not large_page_bytes():
        return
    item = 512 - bytes.__basicsize__
    items = [bytes(item) for _ in range(size_bytes // 512)]
    _kept.extend(items[:: (1 << 20) // 512 // 2])


_kept: list[bytes] = []


def large_page_bytes() -> int:
    """The size of a large page, or 0 where there are none or the administrator wants none, be it for this process."""
    try:
        if "[never]" in (SYSTEM / "enabled").read_text() or "THP_enabled:\t0" in (PROCESS / "status").read_text():
            return 0
        return int((SYSTEM / "hpage_pmd_size").read_text())
    except (OSError, ValueError):
        return 0


class LargePages:
    """Those of this process. `heap_bytes` and `code_bytes` say how much has been gathered."""

    def __init__(self) -> None:
        self.large_bytes = large_page_bytes()
        self.heap_bytes = 0
        self.code_bytes = 0
        self._resident_bytes = 0
        self._code_places: list[int] = []
        self._touched = _Pieces([])
        self._stopped = threading.Event()

    def gather_heap(self) -> None:
        """Put what is in use of the heap into large pages. May be called from any thread, again and again: what is in
        a large page stays there."""
        if not self.large_bytes:
            return
        # A process that may not be looked into cannot look either, nor one whose descriptors are all taken.
        with contextlib.suppress(OSError):
            # Before: what comes while pages are gathered is not among them.
            resident = resident_bytes()
            gathered = [address for address in self._worth_it() if _collapse(address, self.large_bytes)]
            self.heap_bytes = len(gathered) * self.large_bytes
            self._touched = _Pieces([*self._code_places, *gathered])
            self._resident_bytes = resident

    def _worth_it(self) -> list[int]:
        enough = WORTH * self.large_bytes // mmap.PAGESIZE
        with (PROCESS / "pagemap").open("rb", buffering=0) as states:
            return [
                address
                for address in heap_pages(_own_mappings(), large=self.large_bytes)
                if pages_in_use(_states(states.fileno(), address, self.large_bytes)) >= enough
            ]

    def gather_code(self) -> None:
        """Put the code that a fix runs through into one piece, seen at the addresses where it was. Once."""
        # Elsewhere new code has to be announced to the processor.
        if not self.large_bytes or platform.machine() != "x86_64":
            return
        code: list[Mapping] = []
        with contextlib.suppress(OSError):
            code = hot_code(_own_mappings())
        size = sum(each.size for each in code)
        anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        space = size + 2 * self.large_bytes
        memory = _libc().mmap(None, space, mmap.PROT_READ | mmap.PROT_WRITE, anonymous, -1, 0)
        if memory == MAP_FAILED:
            return
        begin = -(-memory // self.large_bytes) * self.large_bytes
        _libc().madvise(begin, -(-size // self.large_bytes) * self.large_bytes, MADV_HUGEPAGE)
        places = dict(zip(code, itertools.accumulate((each.size for each in code), initial=begin), strict=False))
        copied = [
            each for each, at in places.items() if _read([(at, each.size)], [(each.start, each.size)]) == each.size
        ]
        to_move = _as_they_were(copied)
        # Never give back what was moved away: another thread may have got these addresses meanwhile.
        _give_back(memory, begin)
        _give_back(begin + size, memory + space)
        for each, at in places.items():
            if each in to_move and _move(at, each):
                self.code_bytes += each.size
                self._code_places.extend(range(each.start, each.end, CODE_STEP_BYTES))
            else:
                _give_back(at, at + each.size)

    def touch(self) -> None:
        """Look at one byte of each."""
        self._touched.read()

    def keep(self) -> None:
        """From here on keep them at hand, and gather more of the heap whenever it has grown. By a thread of its own:
        what has to be brought back from somewhere takes its time."""
        if self.large_bytes:
            threading.Thread(target=self._keep, name="large pages", daemon=True).start()

    def stop(self) -> None:
        """Keep them no longer."""
        self._stopped.set()

    def _keep(self) -> None:
        for number in itertools.count(1):
            if self._stopped.wait(TOUCH_EVERY_S):
                return
            self.touch()
            if number % LOOK_EVERY == 0:
                # While every descriptor is taken there is no looking.
                with contextlib.suppress(OSError):
                    self._gather_what_has_grown()

    def _gather_what_has_grown(self) -> None:
        now = resident_bytes()
        self._resident_bytes = min(self._resident_bytes, now)
        # In proportion, for each time all of it is looked at.
        if now - self._resident_bytes >= max(GROWN_BYTES, now // 8):
            self.gather_heap()


def resident_bytes() -> int:
    return int((PROCESS / "statm").read_text().split()[1]) * mmap.PAGESIZE


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Pieces:
    """Bytes all over this process that are read by one call of the system, which knows what is no longer there."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self._aim_at(addresses[:MAX_PIECES])

    def _aim_at(self, addresses: Sequence[int]) -> None:
        self._addresses = addresses
        self._into = ctypes.create_string_buffer(max(len(addresses), 1))
        self._local = _vectors([(ctypes.addressof(self._into), len(addresses))])
        self._remote = _vectors([(address, 1) for address in addresses])

    def read(self) -> None:
        gone = set()
        at, count = 0, len(self._addresses)
        while at < count:
            there = _read_vectors(self._local, 1, ctypes.byref(self._remote, at * ctypes.sizeof(_Vector)), count - at)
            if there < 0:
                return
            at += there
            if at < count:
                gone.add(at)
                at += 1
        if gone:
            self._aim_at([address for number, address in enumerate(self._addresses) if number not in gone])


def _vectors(pieces: Sequence[tuple[int, int]]) -> ctypes.Array[_Vector]:
    return (_Vector * len(pieces))(*(_Vector(*piece) for piece in pieces))


def _read(into: Sequence[tuple[int, int]], pieces: Sequence[tuple[int, int]]) -> int:
    """Memory as another process would read it: what somebody has given back is no crash but the end of what is read.
    The number of bytes."""
    return _read_vectors(_vectors(into), len(into), _vectors(pieces), len(pieces))


def _read_vectors(into: Any, into_count: int, pieces: Any, count: int) -> int:
    """As `_read`; less than 0 where the system lets nobody do so."""
    read: int = _libc().process_vm_readv(os.getpid(), into, into_count, pieces, count, 0)
    return 0 if read < 0 and ctypes.get_errno() == errno.EFAULT else read


def _states(pagemap: int, start: int, size: int) -> bytes:
    """What the system says about the pages of this memory. Not by `mincore`: systemd's @system-service leaves that out,
    which is death to whoever calls it."""
    return os.pread(pagemap, size // mmap.PAGESIZE * STATE_BYTES, start // mmap.PAGESIZE * STATE_BYTES)


def _as_they_were(code: Iterable[Mapping]) -> set[Mapping]:
    """Those that nobody has moved or altered, now or before."""
    try:
        there = set(_own_mappings())
        with (PROCESS / "pagemap").open("rb", buffering=0) as states:
            return {
                each
                for each in code
                if each in there
                # A probe's or a debugger's breakpoint in a copy would be nobody's, and kill the process.
                and not ("x" in each.rights and is_altered(_states(states.fileno(), each.start, each.size)))
            }
    except OSError:
        return set()


def _collapse(address: int, large: int) -> bool:
    """Make one large page of what lies there."""
    # Others wait while the system copies a page, and it copies fast what has just been read.
    pieces = min(-(-large // SCRATCH_BYTES), MAX_PIECES)
    scratch = ctypes.create_string_buffer(-(-large // pieces))
    _read([(ctypes.addressof(scratch), len(scratch))] * pieces, [(address, large)])
    if _libc().madvise(address, large, MADV_COLLAPSE) == 0:
        return True
    if ctypes.get_errno() == errno.EINVAL:
        # Linux before 6.1: when its own search for such places comes by.
        _libc().madvise(address, large, MADV_HUGEPAGE)
    return False


def _move(source: int, to: Mapping) -> bool:
    """A copy to where the original is. Whoever runs there waits for the system and goes on at the same instruction."""
    rights = mmap.PROT_READ | (mmap.PROT_EXEC if "x" in to.rights else 0)
    # Refused where no memory may be first written and then run, as under systemd's MemoryDenyWriteExecute.
    if _libc().mprotect(source, to.size, rights):
        return False
    return bool(_libc().mremap(source, to.size, to.size, MREMAP_MAYMOVE | MREMAP_FIXED, to.start) == to.start)


def _give_back(start: int, end: int) -> None:
    if start < end:
        _libc().munmap(start, end - start)


def _own_mappings() -> list[Mapping]:
    return list(mappings_in(os.fsdecode((PROCESS / "maps").read_bytes())))


@functools.cache
def _libc() -> ctypes.CDLL:
    """Looked at late: other systems lack some of this, and none of them has large pages of this kind."""
    address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = libc.mprotect.argtypes = [address, size, number]
    libc.munmap.argtypes = [address, size]
    libc.mmap.argtypes = [address, size, number, number, number, ctypes.c_long]
    libc.mremap.argtypes = [address, size, size, number, address]
    libc.mmap.restype = libc.mremap.restype = address
    libc.process_vm_readv.argtypes = [number, address, ctypes.c_ulong, address, ctypes.c_ulong, ctypes.c_ulong]
    libc.process_vm_readv.restype = ctypes.c_ssize_t
    return libc
