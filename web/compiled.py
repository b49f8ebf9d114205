"""The hot core of the tracker translated to machine code by mypyc, where a build of exactly these sources is there.

The Python sources stay the only truth. `enroute compile` (web/compiler.py) puts a build into the virtual environment,
in a folder named by a digest of everything it was made from: after an edit, or with another Python, nothing is found
there and the sources run. A build never lies beside the sources, where it would hide what is written in them.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import logging
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal

SOURCES = Path(__file__).resolve().parent.parent
BUILDS = Path(sys.prefix) / "lib" / "enroute-compiled"

# What a fix passes through. Left out: modules that define msgspec Structs (their class keywords would be lost), classes
# with two bases that have slots (`connections`), and what no fix passes through.
MODULES = (
    "tracker.arrival",
    "tracker.board",
    "tracker.bus.interest",
    "tracker.bus.listening",
    "tracker.bus.ownership",
    "tracker.bus.shared",
    "tracker.eta",
    "tracker.filters",
    "tracker.fix_intake",
    "tracker.fleet",
    "tracker.following",
    "tracker.frames",
    "tracker.freshness",
    "tracker.geo",
    "tracker.grants",
    "tracker.guests",
    "tracker.guide",
    "tracker.hub",
    "tracker.ledger",
    "tracker.live",
    "tracker.node",
    "tracker.pace",
    "tracker.pending",
    "tracker.redis_outbox",
    "tracker.roads.snap",
    "tracker.roads.straight",
    "tracker.route",
    "tracker.sockets",
    "tracker.streams",
    "tracker.telling",
    "tracker.topics",
    "tracker.traffic",
    "tracker.trip",
    "tracker.ways",
)
GROUP = "enroute_core"
LIBRARY = f"{GROUP}__mypyc"
"""mypyc puts all modules into one library of this name; the modules themselves are doors to it."""

# On processors that have it, a C compiler would join a multiplication and an addition and round once: results would no
# longer be those of Python, bit for bit.
C_FLAGS = ("-ffp-contract=off",)

Core = Literal["compiled", "interpreted"]

log = logging.getLogger("enroute.compiled")


def digest(sources: Path = SOURCES) -> str:
    """Names everything a build depends on: the tracker's sources, what translates them and how, and the Python.

    All of the tracker counts: what is compiled trusts the types of what is not.
    """
    hashed = hashlib.sha256()
    parts = [sys.version, EXTENSION_SUFFIXES[0], _version_of_mypyc(), LIBRARY, *MODULES, *C_FLAGS]
    hashed.update("\n".join(parts).encode())
    for path in sorted((sources / "tracker").rglob("*.py")):
        source = path.read_bytes()
        hashed.update(f"\n{path.relative_to(sources).as_posix()} {len(source)}\n".encode() + source)
    return hashed.hexdigest()[:20]


def library_files(build: Path) -> dict[str, Path]:
    """Module name → its file in a build."""
    return {name: build / (name.replace(".", "/") + EXTENSION_SUFFIXES[0]) for name in (LIBRARY, *MODULES)}


def take_up(environ: Mapping[str, str], *, builds: Path = BUILDS) -> None:
    """From here on the core is imported compiled, if it may be and a build of these sources is there. Call it before
    the first import of the tracker. Raises ValueError when ENROUTE_COMPILED is neither `auto` nor `off`."""
    choice = environ.get("ENROUTE_COMPILED", "").strip() or "auto"
    if choice not in ("auto", "off"):
        raise ValueError(f"ENROUTE_COMPILED: {choice!r} is neither 'auto' nor 'off'.")
    build = builds / digest()
    if choice == "off" or not build.is_dir():
        return
    early = [name for name in MODULES if name in sys.modules]
    if early:
        raise RuntimeError(f"{', '.join(early)} was imported before the compiled core was taken up")
    finder = Finder(build)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(LIBRARY)
    except ImportError as error:
        # An environment that was copied to another system, for instance.
        sys.meta_path.remove(finder)
        log.warning("the compiled core cannot be loaded, the interpreted one serves: %s", error)


class Finder(MetaPathFinder):
    """Finds the modules of one build, before anything else looks for them."""

    def __init__(self, build: Path) -> None:
        self._files = library_files(build)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        if file is None:
            return None
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, str(file)))


def core() -> Core:
    """What really runs in this process: where the modules came from, not what was wanted."""
    from tracker import trip

    return "compiled" if str(trip.__file__).endswith(EXTENSION_SUFFIXES[0]) else "interpreted"


def _version_of_mypyc() -> str:
    try:
        return importlib.metadata.version("mypy")
    except importlib.metadata.PackageNotFoundError:
        return ""
