"""Translates the hot core of the tracker with mypyc and a C compiler; web/compiled.py says what is done with it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from web.compiled import BUILDS, C_FLAGS, GROUP, MODULES, SOURCES, digest, library_files

MAKING = "making-"
ABANDONED_AFTER_S = 3600.0

# Run in a folder that holds a copy of the tracker: mypyc names modules by their paths. Warnings of a newer C compiler
# are no reason to go without.
_TRANSLATE = """
import sys
from mypyc.build import mypycify
from setuptools import setup
group, flags, *paths = sys.argv[1:]
options = ["--follow-imports=silent", "--ignore-missing-imports", "--no-error-summary"]
extensions = mypycify([*options, *paths], group_name=group, target_dir="c", debug_level="0")
for extension in extensions:
    kept = [flag for flag in extension.extra_compile_args if flag != "-Werror"]
    extension.extra_compile_args = [*kept, *flags.split()]
setup(
    name=group,
    packages=[],
    ext_modules=extensions,
    script_args=["--quiet", "build_ext", "--build-lib", "built", "--build-temp", "objects"],
)
"""

# Every module has to come out of the build, not from the sources beside it.
_TRY = """
import importlib, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from web.compiled import MODULES, Finder
sys.meta_path.insert(0, Finder(Path(sys.argv[2])))
for name in MODULES:
    assert importlib.import_module(name).__file__.startswith(sys.argv[2]), name
"""


class CannotCompile(RuntimeError):
    """Something is missing on this machine; the text says what, and how to get it."""


class BuildFailed(RuntimeError):
    """The translation, the C compiler or the first use of the result failed; the text is what they said."""


def check_tools() -> None:
    """Raises CannotCompile when mypyc, a C compiler or Python's headers are missing."""
    for package, module in (("mypy", "mypyc"), ("setuptools", "setuptools")):
        if importlib.util.find_spec(module) is None:
            raise CannotCompile(f"{package} is not installed here. Run: {sys.executable} -m pip install {package}")
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        raise CannotCompile(f"There is no C compiler ({compiler}). On Debian: apt-get install gcc libc6-dev")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
        raise CannotCompile(f"Python's headers are missing ({header}). On Debian: apt-get install {package}")


def build(*, builds: Path = BUILDS, sources: Path = SOURCES) -> Path:
    """The build of the core for these sources; made now unless it is there. Builds of other sources are removed.

    Raises CannotCompile or BuildFailed; what is half done is gone then.
    """
    wanted = builds / digest(sources)
    if not wanted.is_dir():
        check_tools()
        try:
            builds.mkdir(parents=True, exist_ok=True)
            # In the same file system, so that the finished build appears there at once or not at all.
            with tempfile.TemporaryDirectory(prefix=MAKING, dir=builds) as folder:
                wanted = builds / _make(Path(folder), sources)
        except OSError as error:
            raise BuildFailed(f"{error.filename}: {error.strerror}") from None
    for other in builds.iterdir():
        if other != wanted and not _is_being_made(other):
            shutil.rmtree(other, ignore_errors=True)
    return wanted


def _is_being_made(build: Path) -> bool:
    """By somebody else, now; what an interrupted build left behind is old."""
    with contextlib.suppress(FileNotFoundError):
        return build.name.startswith(MAKING) and time.time() - build.stat().st_mtime < ABANDONED_AFTER_S
    return False


def _make(folder: Path, sources: Path) -> str:
    # The digest is of the copy: whoever edits meanwhile gets no build that claims to be of the edited sources.
    shutil.copytree(sources / "tracker", folder / "tracker", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    name = digest(folder)
    paths = [module.replace(".", "/") + ".py" for module in MODULES]
    _run([sys.executable, "-c", _TRANSLATE, GROUP, " ".join(C_FLAGS), *paths], folder)
    made = folder / "built"
    missing = [module for module, file in library_files(made).items() if not file.is_file()]
    if missing:
        raise BuildFailed(f"nothing was built for {', '.join(missing)}")
    _run([sys.executable, "-c", _TRY, str(SOURCES), str(made)], folder)
    finished = folder.parent / name
    try:
        made.rename(finished)
    except OSError:
        # Somebody else was faster; their build is as good.
        if not finished.is_dir():
            raise
    return name


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise BuildFailed("\n".join(done.stdout.strip().splitlines()[-30:]) or f"it ended with {done.returncode}")
