"""`python -m tests.booking_storms sqlite|postgresql PROCESSES [ATTEMPTS [IN_FLIGHT]]`: one storm, and what it was."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.booking_storms.storm import installation, storm
from tests.booking_storms.town import settle
from tests.slots.databases import create_database, postgresql_programs, postgresql_server


async def _storm(folder: Path, database: str, processes: int, attempts: int, in_flight: int) -> int:
    tokens = await settle(database, customers=in_flight)
    async with installation(folder, database=database, processes=processes) as servers:
        report = await storm([server.url for server in servers], database=database, tokens=tokens, attempts=attempts)
        print(f"{database.partition(':')[0]}, {processes} processes, {in_flight} in flight: {report}")
        print("".join(server.errors[-2000:] for server in servers), file=sys.stderr)
    return 1 if report.problems else 0


def main() -> int:
    kind, processes = sys.argv[1], int(sys.argv[2])
    attempts, in_flight = (int(given) for given in (*sys.argv[3:], *("2000", "200")[len(sys.argv) - 3 :]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        if kind == "sqlite":
            return asyncio.run(_storm(path, f"sqlite:///{path / 'enroute.db'}", processes, attempts, in_flight))
        programs = postgresql_programs()
        assert programs is not None, "PostgreSQL's programs are not installed"
        with postgresql_server(programs) as url:
            return asyncio.run(_storm(path, create_database(url, "storm"), processes, attempts, in_flight))


if __name__ == "__main__":
    sys.exit(main())
