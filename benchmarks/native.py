"""Compiles the C programs of `benchmarks/c` when they are first asked for.

The result lies in the user's cache folder under a name made from all C sources, so an edit compiles anew and a second
run costs nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "c"
PROGRAMS = {
    "load": ("load.c", "load_plan.c", "load_trips.c", "load_fixes.c", "load_sockets.c", "load_dialects.c"),
    "epoll_limit": ("epoll_limit.c",),
    "crowd": (
        "crowd.c",
        "crowd_plan.c",
        "crowd_sockets.c",
        "crowd_watchers.c",
        "crowd_devices.c",
        "crowd_report.c",
        "load_trips.c",
    ),
    "probe": ("probe.c",),
    "cold": ("cold.c",),
    "hop": ("hop.c",),
}


class NoCompiler(RuntimeError):
    """There is no C compiler here."""

    def __str__(self) -> str:
        return "The benchmarks need a C compiler: install gcc and libc6-dev, or name another one in CC."


def compiled(program: str) -> Path:
    """Path of the executable. Raises NoCompiler, or CalledProcessError with the compiler's words on its stderr."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "enroute" / "benchmarks"
    target = cache / f"{program}-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler
    cache.mkdir(parents=True, exist_ok=True)
    # Built beside its place and moved there whole: two benchmarks may start at the same time.
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    sources = [str(SOURCES / name) for name in PROGRAMS[program]]
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(unfinished), *sources, "-lm", "-pthread"], check=True)
    unfinished.replace(target)
    return target
