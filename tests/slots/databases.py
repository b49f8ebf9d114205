"""Real databases for tests: an SQLite file, and a PostgreSQL server of our own where its programs are installed."""

from __future__ import annotations

import contextlib
import importlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, create_engine, make_url, text

from slots.store import sync_url

INITDB_OPTIONS = ("--auth=trust", "--username=enroute", "--no-sync", "--encoding=UTF8", "--locale=C")


def run_migration(connection: Connection) -> None:
    """Only this room's revisions: the other rooms' tables are not needed to test scheduling."""
    with Operations.context(MigrationContext.configure(connection)):
        for name in ("0001_slots", "0002_live_times", "0003_ratings"):
            importlib.import_module(f"slots.migrations.{name}").upgrade()


def migrate(url: str) -> None:
    engine = create_engine(sync_url(url))
    with engine.begin() as connection:
        run_migration(connection)
    engine.dispose()


def postgresql_programs() -> Path | None:
    """The folder with initdb and postgres: on PATH or where Debian puts them."""
    found = [Path(path).resolve().parent for name in ("postgres",) if (path := shutil.which(name))]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists()), None)


# As little as a server can do with on a small disk.
SMALL_INITDB = ("--wal-segsize=1",)
SMALL_SETTINGS = ("min_wal_size=2MB", "max_wal_size=4MB")


@contextlib.contextmanager
def postgresql_server(programs: Path, *, on: Path | None = None) -> Iterator[str]:
    """A throw-away server on a unix socket; yields the URL of its maintenance database. `on` is a small disk.

    PostgreSQL refuses to run as root: then everything is done as nobody.
    """
    folder = Path(tempfile.mkdtemp(prefix="enroute-pg-", dir=on))
    _give_to_nobody(folder)
    data = folder / "data"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **_as_nobody()}
    try:
        small = SMALL_INITDB if on is not None else ()
        subprocess.run([programs / "initdb", "-D", data, *INITDB_OPTIONS, *small], **quiet)
        settings = (
            "listen_addresses=''",
            "fsync=off",
            f"unix_socket_directories={folder}",
            "max_connections=60",
            *(SMALL_SETTINGS if on is not None else ()),
        )
        options = " ".join(f"-c {setting}" for setting in settings)
        start = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"]
        subprocess.run(start, **quiet)
        try:
            yield f"postgresql://enroute@/postgres?host={folder}"
        finally:
            # On a disk that ran full it may have stopped by itself.
            subprocess.run(
                [programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet | {"check": on is None}
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody() -> dict[str, int]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _give_to_nobody(folder: Path) -> None:
    if owner := _as_nobody():
        os.chown(folder, owner["user"], owner["group"])


def restart_at_once(programs: Path, server_url: str) -> None:
    """What a crash of the server's machine is to its clients: every connection is cut, what was not committed is gone.
    Returns when it takes connections again."""
    folder = Path(str(make_url(server_url).query["host"]))
    restart = [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "-l", folder / "log", "restart"]
    subprocess.run(restart, check=True, stdout=subprocess.DEVNULL, cwd=folder, **_as_nobody())


@contextlib.contextmanager
def postgresql_away(programs: Path, server_url: str) -> Iterator[None]:
    """Until the block ends the server is down."""
    folder = Path(str(make_url(server_url).query["host"]))
    stop = [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"]
    subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, cwd=folder, **_as_nobody())
    try:
        yield
    finally:
        restart_at_once(programs, server_url)


@contextlib.contextmanager
def postgresql_stopped(server_url: str) -> Iterator[None]:
    """Until the block ends no process of the server does anything, and its kernel still takes what clients send."""
    folder = Path(str(make_url(server_url).query["host"]))
    server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    stopped: list[int] = []
    try:
        # The first of them makes the others, so it is stopped before they are counted.
        _stop(server, stopped)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(stat.read_text().rpartition(")")[2].split()[1]) == server:
                    _stop(int(stat.parent.name), stopped)
        yield
    finally:
        for process in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


@contextlib.contextmanager
def answers_soon(store: ModuleType) -> Iterator[None]:
    """As long as the block lasts the server has to answer this `postgresql_store` soon. Not longer: one that was
    stopped, and a busy machine, take their time to make a connection."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(store, "ANSWER_WITHIN_S", 0.3)
        changed.setattr(store, "LOOK_S", 0.05)
        yield


def _stop(process: int, stopped: list[int]) -> None:
    os.kill(process, signal.SIGSTOP)
    stopped.append(process)


def create_database(server_url: str, name: str, *, like: str | None = None) -> str:
    """A new database inside the server, empty or a copy of another; its URL. It goes with the server."""
    template = f' TEMPLATE "{like}"' if like else ""
    _tell_server(server_url, f'CREATE DATABASE "{name}"{template}')
    return server_url.replace("/postgres?", f"/{name}?")


@contextlib.contextmanager
def database_in(folder: Path, server_url: str, name: str, *, like: str) -> Iterator[str]:
    """A copy of another database whose tables lie in `folder`, an empty one; its URL. Dropped at the end."""
    _give_to_nobody(folder)
    _tell_server(
        server_url,
        f"CREATE TABLESPACE \"{name}\" LOCATION '{folder}'",
        f'CREATE DATABASE "{name}" TEMPLATE "{like}" TABLESPACE "{name}"',
    )
    try:
        yield server_url.replace("/postgres?", f"/{name}?")
    finally:
        # The checkpoint, because a server that crashes before the next one would look for the folder.
        _tell_server(server_url, f'DROP DATABASE "{name}" WITH (FORCE)', f'DROP TABLESPACE "{name}"', "CHECKPOINT")


def _tell_server(server_url: str, *statements: str) -> None:
    engine = create_engine(sync_url(server_url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
