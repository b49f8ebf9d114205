"""What test_large_pages.py runs in processes of their own: one whose code is moved must not be that of the tests.

`python -m tests.web.gathering NAME` prints what the function of that name found, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import importlib
import json
import mmap
import os
import resource
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from tests.web.confinement import JUMP_IF_ANY_BIT, JUMP_IF_EQUAL, confine, killed_for, libc, prctl, refused
from web import large_pages
from web.large_pages import LargePages, reserve_heap
from web.mappings import STATE_BYTES, Mapping, mappings_in, pages_in_use

MB = 1 << 20
WITHIN_S = 60.0
SWITCH_S = 0.0005

PR_SET_DUMPABLE, PR_SET_THP_DISABLE, PR_SET_MDWE = 4, 41, 65
PROT_EXEC, MADV_DONTNEED, MADV_COLLAPSE = 4, 4, 25


def files_of_code() -> list[str]:
    """Of the libraries that are loaded here, those whose code is mapped from their files."""
    names = ("msgspec", "sqlite3", "uvloop")
    return sorted({name for name in names for each in own_mappings() if each.rights == "r-xp" and name in each.path})


def own_mappings() -> list[Mapping]:
    return list(mappings_in(Path("/proc/self/maps").read_text()))


def own_memory(size: int, *, at: int | None = None) -> int:
    """Address of so much memory that is in use."""
    rights, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    libc.mmap.restype = ctypes.c_void_p
    address = libc.mmap(ctypes.c_void_p(at), ctypes.c_size_t(size), rights, kind, -1, ctypes.c_long(0))
    ctypes.memset(address, 1, size)
    return address


def rollup(name: str) -> int:
    """Bytes."""
    line = next(
        line for line in Path("/proc/self/smaps_rollup").read_text().splitlines() if line.startswith(f"{name}:")
    )
    return int(line.split()[1]) * 1024


def region(address: int) -> dict[str, str]:
    """What smaps says of the memory around an address."""
    found: dict[str, str] = {}
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, _, rest = line.partition(" ")
        if not first.endswith(":"):
            start, end = (int(each, 16) for each in first.split("-"))
            inside = start <= address < end
        elif inside:
            found[first[:-1]] = rest.strip()
    return found


def query() -> int:
    """Runs in SQLite's library alone, without the interpreter's lock."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        text = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000) SELECT sum(x) FROM c"
        return connection.execute(text).fetchone()[0]


def parse() -> Any:
    document = {"fixes": [{"at": number, "name": "ä" * 9} for number in range(100)]}
    assert msgspec.json.decode(msgspec.json.encode(document)) == json.loads(json.dumps(document)) == document
    return msgspec.msgpack.decode(msgspec.msgpack.encode(document)) == document


def loop() -> bytes:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(5))
        writer.close()

    async def main() -> bytes:
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello")
            answer = await reader.read()
            writer.close()
            return answer

    return uvloop.run(main())


WORK: dict[Callable[[], Any], Any] = {query: 200_010_000, parse: True, loop: b"hello"}


class Worker(threading.Thread):
    """Does one thing again and again until it is stopped, and once more after that."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.work, self.results, self.finished = work, set[Any](), False
        self.begun, self.stopped = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self.results.add(self.work())
            self.begun.set()
        self.results.add(self.work())
        self.finished = True


def facts(pages: LargePages) -> dict[str, Any]:
    works = all(work() == result for work, result in WORK.items())
    return {"code": pages.code_bytes, "heap": pages.heap_bytes, "files": files_of_code(), "works": works}


def whole() -> Any:
    """Everything, as a server does it, while others run in the libraries that are moved."""
    reserve_heap()
    # As a server does.
    sys.setswitchinterval(SWITCH_S)
    workers = [Worker(work) for work in WORK]
    for worker in workers:
        worker.start()
        assert worker.begun.wait(WITHIN_S)
    pages = LargePages()
    pages.gather_code()
    pages.gather_heap()
    for worker in workers:
        worker.stopped.set()
        worker.join(WITHIN_S)
        assert worker.finished
        assert worker.results == {WORK[worker.work]}
    pages.gather_code()
    first = facts(pages) | {"huge": rollup("AnonHugePages")}

    much = [bytes(400) for _ in range(200_000)]
    pages.gather_heap()
    grown = pages.heap_bytes
    pages.touch()
    del much
    pages.touch()
    pages.gather_heap()
    return first, facts(pages) | {"grown": grown}


def under_mdwe() -> Any:
    """Linux 6.3 and newer; others answer EINVAL."""
    error = prctl(PR_SET_MDWE, 1)
    pages = LargePages()
    pages.gather_code()
    pages.gather_heap()
    return {"error": error} | facts(pages)


def under_systemd() -> Any:
    """As with `SystemCallFilter=@system-service` and `MemoryDenyWriteExecute=yes`."""
    confine(killed_for("mincore"), refused("mprotect", JUMP_IF_ANY_BIT, PROT_EXEC, errno.EPERM))
    pages = LargePages()
    pages.gather_code()
    pages.gather_heap()
    pages.touch()
    return facts(pages)


def before_linux_6_1() -> Any:
    """Which does not know MADV_COLLAPSE."""
    address = own_memory(8 * MB)
    confine(refused("madvise", JUMP_IF_EQUAL, MADV_COLLAPSE, errno.EINVAL))
    pages = LargePages()
    pages.gather_heap()
    return {"heap": pages.heap_bytes, "flags": region(address + 4 * MB)["VmFlags"].split()}


def without_large_pages() -> Any:
    """As after `systemctl set-property` or a parent that knows better."""
    assert prctl(PR_SET_THP_DISABLE, 1) == 0
    pages = LargePages()
    pages.gather_code()
    pages.gather_heap()
    pages.keep()
    pages.touch()
    return facts(pages) | {"threads": threading.active_count()}


def not_to_be_looked_into() -> Any:
    """A program that was given capabilities by its file, started by somebody who is not root."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    assert prctl(PR_SET_DUMPABLE, 0) == 0
    pages = LargePages()
    pages.gather_code()
    pages.gather_heap()
    pages.touch()
    return facts(pages)


def with_a_breakpoint() -> Any:
    """In a library's code: what a debugger or a probe of the system's writes there makes its page the process's own."""
    code = next(each for each in own_mappings() if each.rights == "r-xp" and "msgspec" in each.path)
    page, size = ctypes.c_void_p(code.start), ctypes.c_size_t(mmap.PAGESIZE)
    instruction = ctypes.c_ubyte.from_address(code.start + 100)
    assert libc.mprotect(page, size, mmap.PROT_READ | mmap.PROT_WRITE) == 0
    instruction.value = instruction.value
    assert libc.mprotect(page, size, mmap.PROT_READ | mmap.PROT_EXEC) == 0
    pages = LargePages()
    pages.gather_code()
    return facts(pages)


def given_back() -> Any:
    """What lies before all else is given back; what is behind it is touched all the same."""
    pages = LargePages()
    large = pages.large_bytes or 2 * MB
    first, others = own_memory(large, at=large), own_memory(4 * large, at=(8 << 30))
    pages.gather_heap()
    assert libc.munmap(ctypes.c_void_p(first), ctypes.c_size_t(large)) == 0
    # What is touched then comes back as a page of zeros.
    assert libc.madvise(ctypes.c_void_p(others), ctypes.c_size_t(4 * large), MADV_DONTNEED) == 0
    pages.touch()
    with Path("/proc/self/pagemap").open("rb") as states:
        states.seek(others // mmap.PAGESIZE * STATE_BYTES)
        found = states.read(4 * large // mmap.PAGESIZE * STATE_BYTES)
    return {"first": first == large, "pages": pages.heap_bytes // large, "touched": pages_in_use(found)}


def kept() -> Any:
    """With less patience than a server's."""
    large_pages.TOUCH_EVERY_S, large_pages.LOOK_EVERY = 0.001, 1
    pages = LargePages()
    pages.gather_heap()
    pages.keep()
    before = pages.heap_bytes
    threads = [each for each in threading.enumerate() if each.name == "large pages"]

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    looked = threading.Event()
    look = large_pages.resident_bytes

    def look_in_vain() -> int:
        try:
            return look()
        except OSError:
            looked.set()
            raise

    large_pages.resident_bytes = look_in_vain
    if threads:
        assert looked.wait(WITHIN_S)
    pages.gather_heap()
    without_files = pages.heap_bytes
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    address = own_memory(32 * MB)
    until = time.monotonic() + WITHIN_S
    while threads and pages.heap_bytes < before + 16 * MB and time.monotonic() < until:
        time.sleep(0.005)
    pages.stop()
    for thread in threads:
        thread.join(WITHIN_S)
    return {
        "threads": len(threads),
        "lost": before - without_files,
        "grown": pages.heap_bytes - before,
        "huge": region(address + 16 * MB)["AnonHugePages"],
        "ended": not any(thread.is_alive() for thread in threads),
    }


def elsewhere() -> Any:
    """A system whose libc has none of this, and no /proc and no /sys."""
    del ctypes.CDLL
    importlib.reload(large_pages)
    large_pages.SYSTEM = large_pages.PROCESS = Path("/nonexistent")
    pages = large_pages.LargePages()
    pages.gather_code()
    pages.gather_heap()
    pages.keep()
    pages.touch()
    return facts(pages) | {"threads": threading.active_count()}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()))
