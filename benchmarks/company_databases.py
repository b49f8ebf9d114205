"""Databases that hold the made-up company: SQLite, and PostgreSQL where its programs are installed."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from benchmarks.company import Company
from benchmarks.company_store import put_company
from benchmarks.postgresql import postgresql_programs, postgresql_server
from benchmarks.serving import enroute_command, enroute_environment
from slots.model import Site
from slots.store import open_database

NAME = "company"


class Filled(msgspec.Struct, frozen=True):
    """`path` is where a server puts its log; that of the database itself where it is SQLite."""

    kind: str
    url: str
    path: Path


def filled_databases(
    company: Company,
    *,
    customers: Iterable[Site],
    catalog: Path | None = None,
    cpu: int | None,
    seed: int,
    postgresql: bool = True,
) -> Iterator[Filled]:
    """One after the other, each gone when the next is asked for. `catalog` is imported besides; a PostgreSQL server is
    held to the core `cpu`, and is left out without `postgresql`."""
    sites = list(customers)
    with tempfile.TemporaryDirectory(prefix="enroute-company-") as folder:
        path = Path(folder) / f"{NAME}.db"
        filled = Filled("SQLite", f"sqlite:///{path}", path)
        _fill(filled, company, sites, catalog, seed)
        yield filled
        programs = postgresql_programs() if postgresql else None
        if programs is None:
            return
        with postgresql_server(programs, cpu=cpu) as server:
            filled = Filled("PostgreSQL", server.create_database(NAME), path)
            _fill(filled, company, sites, catalog, seed)
            server.analyze(NAME)
            yield filled


def _fill(filled: Filled, company: Company, sites: list[Site], catalog: Path | None, seed: int) -> None:
    async def put() -> None:
        database = open_database(filled.url)
        try:
            await put_company(database, company, customers=sites, seed=seed)
        finally:
            await database.close()

    _enroute(filled, "migrate")
    asyncio.run(put())
    if catalog is not None:
        _enroute(filled, "import", str(catalog))


def _enroute(filled: Filled, *arguments: str) -> None:
    environment = enroute_environment(filled.path) | {"ENROUTE_DATABASE": filled.url}
    subprocess.run(enroute_command(*arguments), env=environment, check=True, stdout=subprocess.DEVNULL)
