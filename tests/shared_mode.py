"""`./test --processes 2`: every server of the tests is so many workers on a PostgreSQL and a Redis of their own.

A test that says itself on which database or how many processes its server runs, keeps that.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from tests.redis_servers import redis_server
from tests.slots.databases import create_database, postgresql_programs, postgresql_server

VARIABLE = "TESTED_PROCESSES"
_running: contextlib.ExitStack | None = None
_postgresql: str | None = None
# A server that is started again in the same folder, or beside another one there, has the same database.
_databases: dict[Path, str] = {}


def processes() -> int:
    return int(os.environ.get(VARIABLE, "1"))


def postgresql() -> str:
    """The server that all servers of this run have their databases on; started when it is first asked for."""
    global _postgresql, _running
    if _postgresql is None:
        programs = postgresql_programs()
        if programs is None or shutil.which("redis-server") is None:
            raise RuntimeError("several processes need PostgreSQL and Redis, which ./test installs")
        _running = contextlib.ExitStack()
        _postgresql = _running.enter_context(postgresql_server(programs))
    return _postgresql


def end() -> None:
    global _postgresql, _running
    if _running is not None:
        _running.close()
    _postgresql = _running = None


def database_of(folder: Path) -> str:
    if folder not in _databases:
        _databases[folder] = create_database(postgresql(), f"shared_{secrets.token_hex(4)}")
    return _databases[folder]


@contextlib.asynccontextmanager
async def environ_of(folder: Path) -> AsyncIterator[dict[str, str]]:
    """What makes of `enroute serve` an installation of several processes; nothing where one is asked for."""
    count = processes()
    if count == 1:
        yield {}
        return
    async with redis_server(folder) as redis:
        yield {
            "ENROUTE_DATABASE": database_of(folder),
            "ENROUTE_DATABASE_CONNECTIONS": "6",
            "ENROUTE_REDIS": redis.url,
            "ENROUTE_WORKERS": str(count),
        }
