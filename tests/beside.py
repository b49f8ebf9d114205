"""What takes a minute and needs nobody: the tracker's tests on the compiled core, in a process beside the others."""

from __future__ import annotations

import os
import subprocess
import sys
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


class Beside:
    """Begun as soon as it is known that it will be asked for, if this installation has a build; else when it is."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def begin_early(self) -> None:
        if (BUILDS / digest()).is_dir():
            self.begin(BUILDS)

    def begin(self, builds: Path) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = begin(builds, "pytest", "-q", "-p", "no:cacheprovider", "tests/tracker")
        return self._process

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
