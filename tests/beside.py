"""What runs in two processes beside the other tests: the tracker's tests on the compiled core, which take a minute and
need nobody, and after them those that mostly wait, for servers that die, disks that fill up and leases that run out; in
the other process those that wait for browsers and loads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from web.compiled import BUILDS, digest

ROOT = Path(__file__).resolve().parent.parent

# `python -c TAKE_UP builds module [arguments]`: runs a module as `python -m` does, after the core was taken up.
TAKE_UP = """
import os, runpy, sys
from pathlib import Path
from web import compiled
compiled.take_up(os.environ, builds=Path(sys.argv[1]))
print("core:", compiled.core())
del sys.argv[:2]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def begin(builds: Path, *arguments: str, root: Path = ROOT, choice: str = "auto") -> subprocess.Popen[str]:
    """A module run with the core of a folder of builds; it prints first what its core is."""
    return subprocess.Popen(
        [sys.executable, "-c", TAKE_UP, str(builds), *arguments],
        cwd=root,
        env=os.environ | {"ENROUTE_COMPILED": choice, "PYTHONPATH": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


WAITING = {
    "servers that die and leases that run out": (
        "tests/booking_storms",
        "tests/tracker/test_redis_claims.py",
        "tests/tracker/test_redis_exchange.py",
        "tests/tracker/test_redis_outages.py",
        "tests/tracker/test_redis_places.py",
        "tests/tracker/test_redis_processes.py",
        "tests/tracker/test_redis_storm.py",
        "tests/web/database",
        "tests/web/live",
        "tests/web/processes",
        "tests/web/test_shared_work.py",
        "tests/web/test_supervisor.py",
    ),
    "browsers and loads": (
        "tests/benchmarks",
        "tests/browser",
        "tests/simulations",
        "tests/web/test_demo.py",
        "tests/web/test_offline.py",
        "tests/web/test_serve.py",
    ),
}
INSIDE = "TESTS_BESIDE"


def waits(path: Path) -> bool:
    """Is this test file one of those?"""
    name = path.relative_to(ROOT).as_posix()
    return any(name == each or name.startswith(f"{each}/") for paths in WAITING.values() for each in paths)


class WaitingTests:
    """Begun when made, or after another process has ended; ``outcome`` waits for them: the exit code, and what pytest
    said."""

    def __init__(self, *arguments: str, after: subprocess.Popen[str] | None = None) -> None:
        self._arguments = arguments
        self._after = after
        self._process: subprocess.Popen[str] | None = None
        self._said = ""
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="tests that wait", daemon=True)
        self._thread.start()

    @property
    def summary(self) -> str:
        return self._said.strip().rpartition("\n")[2]

    def outcome(self) -> tuple[int | None, str]:
        self._thread.join()
        return (self._process.returncode if self._process is not None else None), self._said

    def end(self) -> None:
        self._ended = True
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _run(self) -> None:
        if self._after is not None:
            self._after.wait()
        if self._ended:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *self._arguments],
            cwd=ROOT,
            env=os.environ | {INSIDE: "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said, _ = self._process.communicate()


class Beside:
    """Begun as soon as it is known that it will be asked for, if this installation has a build; else when it is."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def begin_early(self) -> subprocess.Popen[str] | None:
        return self.begin(BUILDS) if (BUILDS / digest()).is_dir() else None

    def begin(self, builds: Path) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = begin(builds, "pytest", "-q", "-p", "no:cacheprovider", "tests/tracker")
        return self._process

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
