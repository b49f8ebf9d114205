"""Where the peers come from: Debian's packages, and a folder of their own for those of PyPI and npm.

The folder lies in the user's cache, so that nothing of it gets into Enroute's environment. What Enroute depends on
itself (websockets, uvicorn, Starlette, uvloop) is taken from Enroute's environment as long as the folder is not there.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

PROGRAMS = {
    "nginx": "nginx",
    "mosquitto": "mosquitto",
    "nats-server": "nats-server",
    "node": "nodejs",
    "npm": "npm",
}
"""Program → the Debian package it comes with."""
NCHAN_PACKAGE = "libnginx-mod-nchan"
NCHAN_PLACES = (
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
)
PYPI = (
    "uvloop==0.23.0",
    "httptools==0.9.0",
    "websockets==17.4",
    "uvicorn==0.54.0",
    "starlette==1.10.0",
    "picows==2.3.1",
    "socketify==0.0.31",
)
NPM = ("ws@8.23.0", "bufferutil@4.1.0")
"""bufferutil is the native code that `ws` unmasks with when it is there."""
INSTALL = "enroute benchmark peers --install"


class NotInstalled(RuntimeError):
    """A peer cannot be started here; the text says what is missing."""


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "enroute" / "peers"


def node_modules() -> Path:
    return cache() / "npm" / "node_modules"


def find_program(name: str) -> str:
    """Its path; Debian keeps servers where an ordinary user's PATH does not lead. Raises NotInstalled."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise NotInstalled(f"{name} is not here: {INSTALL}, or install the package {PROGRAMS[name]}")
    return found


def find_nchan() -> Path:
    """nginx's module. Raises NotInstalled."""
    for place in NCHAN_PLACES:
        if os.path.exists(place):
            return Path(place)
    raise NotInstalled(f"nginx has no nchan module here: {INSTALL}, or install the package {NCHAN_PACKAGE}")


def find_python(*packages: str) -> tuple[str, str]:
    """An interpreter that has all these packages, and their versions. Raises NotInstalled."""
    own = cache() / "venv" / "bin" / "python"
    for python in [str(own), sys.executable] if own.exists() else [sys.executable]:
        versions = _versions(python, packages)
        if versions is not None:
            return python, ", ".join(f"{name} {version}" for name, version in zip(packages, versions, strict=True))
    raise NotInstalled(f"Python's {', '.join(packages)}: not all are here: {INSTALL}")


def _versions(python: str, packages: Sequence[str]) -> list[str] | None:
    if python == sys.executable:
        try:
            return [importlib.metadata.version(name) for name in packages]
        except importlib.metadata.PackageNotFoundError:
            return None
    ask = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    asked = subprocess.run([python, "-c", ask, *packages], capture_output=True, text=True)
    return asked.stdout.split() if asked.returncode == 0 else None


def install() -> Iterator[str]:
    """Fetch whatever is missing, one package at a time: one that cannot be had must not cost the others.

    Yields a line for each step that failed.
    """
    cache().mkdir(parents=True, exist_ok=True)
    yield from _install_debian()
    venv = cache() / "venv"
    python = venv / "bin" / "python"
    if not python.exists():
        yield from _run(sys.executable, "-m", "venv", str(venv))
    if python.exists():
        for requirement in PYPI:
            yield from _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement)
    try:
        npm = find_program("npm")
    except NotInstalled as missing:
        yield str(missing)
        return
    for package in NPM:
        yield from _run(npm, "install", "--no-audit", "--no-fund", "--prefix", str(cache() / "npm"), package)


def _install_debian() -> Iterator[str]:
    missing = []
    for program, package in PROGRAMS.items():
        try:
            find_program(program)
        except NotInstalled:
            missing.append(package)
    try:
        find_nchan()
    except NotInstalled:
        missing.append(NCHAN_PACKAGE)
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        yield f"only root can install Debian's packages, by hand: apt-get install {' '.join(missing)}"
        return
    # RUNLEVEL=1 keeps the packages from starting their servers: the benchmark starts its own.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    yield from _run("apt-get", "update", "-qq", environment=quiet)
    for package in missing:
        yield from _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package, environment=quiet)


def _run(*command: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    click.echo(" ".join(command), err=True)
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        yield f"{' '.join(command)} ended with {done.returncode}: {said[-1] if said else 'it said nothing'}"
