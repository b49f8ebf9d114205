"""What the kernel knows of a running process: CPU time, memory, open files."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

KIB = 1024


class TooFewFiles(RuntimeError):
    """The limit of open files is below what the benchmark and its server need."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Resident memory in bytes. `pss` shares pages among those who map them, `private` leaves shared ones out."""

    rss: int
    pss: int
    private: int


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """All threads of a process since it began: seconds on a core, and seconds ready to run while others had it."""

    cpu_s: float
    kept_waiting_s: float


def memory_of(pid: int) -> Memory:
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, size = line.partition(":")
        sizes[name] = int(size.split()[0]) * KIB
    return Memory(rss=sizes["Rss"], pss=sizes["Pss"], private=sizes["Private_Clean"] + sizes["Private_Dirty"])


def load_of(pid: int) -> Load:
    on_core_ns = waited_ns = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            on_core, waited, _ = (thread / "schedstat").read_text().split()
        except FileNotFoundError:  # the thread ended while we looked
            continue
        on_core_ns += int(on_core)
        waited_ns += int(waited)
    return Load(cpu_s=on_core_ns / 1e9, kept_waiting_s=waited_ns / 1e9)


def open_files_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def allow_open_files(count: int) -> None:
    """For this process and those it starts from now on. Raises TooFewFiles when the system forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        raise TooFewFiles(f"{count} open files are needed in one process, the limit is {hard}: ulimit -n {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


@contextmanager
def held_to(cpu: int | None) -> Iterator[None]:
    """This process beside the load on its core: looking at the server must not cost the server. Whoever is started
    meanwhile inherits that, unless it is pinned elsewhere."""
    if cpu is None:
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def established_on(port: int) -> int:
    """Connections that the server's side of a local port has open, by the kernel's table of IPv4 sockets."""
    local = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if (fields := line.split())[1].endswith(local) and fields[3] == "01")


class MemoryWatch:
    """Resident memory of a process over time; `samples` are (seconds since the beginning, bytes)."""

    def __init__(self, pid: int, *, every_s: float) -> None:
        self.samples: list[tuple[float, int]] = []
        self._pid = pid
        self._every_s = every_s
        self._over = threading.Event()

    def run(self) -> None:
        began_s = time.monotonic()
        while True:
            self.samples.append((time.monotonic() - began_s, memory_of(self._pid).rss))
            if self._over.wait(self._every_s):
                return

    def stop(self) -> None:
        self._over.set()


@contextmanager
def watched_memory(pid: int, *, every_s: float) -> Iterator[MemoryWatch]:
    watch = MemoryWatch(pid, every_s=every_s)
    thread = threading.Thread(target=watch.run, name="memory watch")
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()
