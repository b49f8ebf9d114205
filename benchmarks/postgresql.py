"""A throw-away PostgreSQL server for a benchmark, where its programs are installed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.process import held_to

USER = "enroute"


class PostgreSQL:
    """A running server; its databases go with it."""

    def __init__(self, programs: Path, folder: Path, as_whom: dict[str, Any]) -> None:
        self._programs = programs
        self._folder = folder
        self._as_whom = as_whom

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, without its chatter. Raises CalledProcessError when it fails."""
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as_whom,
        )

    def create_database(self, name: str) -> str:
        """Its URL."""
        self.run("createdb", *self._at, name)
        return f"postgresql://{USER}@/{name}?host={self._folder}"

    def analyze(self, name: str) -> None:
        """What autovacuum does within a minute of a large change."""
        self.run("vacuumdb", *self._at, "--quiet", "--analyze", "--dbname", name)

    @property
    def _at(self) -> tuple[str, ...]:
        return ("--host", str(self._folder), "--username", USER)


def postgresql_programs() -> Path | None:
    """The folder with initdb and pg_ctl: that of the postgres on PATH, or the newest where Debian puts them."""
    found = [Path(path).resolve().parent for path in [shutil.which("postgres")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    return next((folder for folder in found if (folder / "initdb").exists()), None)


@contextlib.contextmanager
def postgresql_server(programs: Path, *, cpu: int | None) -> Iterator[PostgreSQL]:
    """On a unix socket, held to one core. As it refuses to run as root, everything is done as nobody then."""
    folder = Path(tempfile.mkdtemp(prefix="enroute-pg-"))
    as_whom: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_whom = {"user": nobody.pw_uid, "group": nobody.pw_gid}
    server = PostgreSQL(programs, folder, as_whom)
    data = str(folder / "data")
    try:
        server.run("initdb", "-D", data, "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        with held_to(cpu):
            server.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield server
        finally:
            server.run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
