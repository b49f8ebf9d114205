"""The made-up company in a database: technicians, and live visits, each at a site of its own."""

from __future__ import annotations

import random
from collections.abc import Iterable

from sqlalchemy import insert

from benchmarks.company import SERVICE, ZONE_NAME, Company
from slots import catalog_store
from slots import schema_store as schema
from slots.model import Site
from slots.store import Database

ROWS_AT_ONCE = 2000
WINDOW_S = 7200


async def put_company(database: Database, company: Company, *, customers: Iterable[Site] = (), seed: int) -> None:
    """Into a database that has the tables and none of these. `customers` are the sites of those who ask."""
    visits = [(key, visit) for key, visits in company.busy.items() for visit in visits]
    # Booked one after another by people who do not know of each other: neighbours in time are none in the file.
    random.Random(seed).shuffle(visits)
    async with database.transaction() as connection:
        await catalog_store.put_services(connection, [SERVICE])
        await catalog_store.put_resources(connection, company.resources)
        await catalog_store.put_sites(connection, customers)
        for first in range(0, len(visits), ROWS_AT_ONCE):
            part = list(enumerate(visits[first : first + ROWS_AT_ONCE], first))
            await connection.execute(
                insert(schema.sites),
                [
                    {
                        "id": f"site-of-visit-{number:06}",
                        "account_id": f"account-{number:06}",
                        "name": f"Site {number}",
                        "address": f"Rua das Flores {number}, Porto",
                        "time_zone": ZONE_NAME,
                        "lat": visit.lat,
                        "lon": visit.lon,
                    }
                    for number, (_, visit) in part
                ],
            )
            await connection.execute(
                insert(schema.appointments),
                [
                    {
                        "id": f"visit-in-the-company-{number:06}",
                        "version": 1,
                        "status": "scheduled",
                        "account_id": f"account-{number:06}",
                        "contact_id": f"contact-{number:06}",
                        "service_id": SERVICE.id,
                        "site_id": f"site-of-visit-{number:06}",
                        "technician_key": key,
                        "start_s": visit.start_s,
                        "end_s": visit.end_s,
                        "window_start_s": visit.start_s,
                        "window_end_s": visit.start_s + WINDOW_S,
                        "created_s": visit.start_s,
                        "changed_s": visit.start_s,
                        "details": "",
                        "late_cancel": False,
                    }
                    for number, (key, visit) in part
                ],
            )
