"""Real databases for tests: an SQLite file, and a PostgreSQL server of our own where its programs are installed."""

from __future__ import annotations

import contextlib
import importlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, create_engine, text

from slots.store import sync_url

INITDB_OPTIONS = ("--auth=trust", "--username=enroute", "--no-sync", "--encoding=UTF8", "--locale=C")


def run_migration(connection: Connection) -> None:
    """Only this room's revisions: the other rooms' tables are not needed to test scheduling."""
    migration = importlib.import_module("slots.migrations.0001_slots")
    with Operations.context(MigrationContext.configure(connection)):
        migration.upgrade()


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


@contextlib.contextmanager
def postgresql_server(programs: Path) -> Iterator[str]:
    """A throw-away server on a unix socket; yields the URL of its maintenance database.

    PostgreSQL refuses to run as root: then everything is done as nobody.
    """
    folder = Path(tempfile.mkdtemp(prefix="enroute-pg-"))
    as_nobody: dict[str, str | int] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid}
    data = folder / "data"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **as_nobody}
    try:
        subprocess.run([programs / "initdb", "-D", data, *INITDB_OPTIONS], **quiet)
        settings = (
            "listen_addresses=''",
            "fsync=off",
            f"unix_socket_directories={folder}",
            "max_connections=60",
        )
        options = " ".join(f"-c {setting}" for setting in settings)
        start = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"]
        subprocess.run(start, **quiet)
        try:
            yield f"postgresql://enroute@/postgres?host={folder}"
        finally:
            subprocess.run([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create_database(server_url: str, name: str, *, like: str | None = None) -> str:
    """A new database inside the server, empty or a copy of another; its URL. It goes with the server."""
    template = f' TEMPLATE "{like}"' if like else ""
    engine = create_engine(sync_url(server_url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"{template}'))
    engine.dispose()
    return server_url.replace("/postgres?", f"/{name}?")
