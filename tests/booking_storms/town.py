"""The town a storm breaks over: few technicians, many customers at places apart from each other, all signed in."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from typing import Any

from slots.store import Database, open_database
from web import accounts_store, secrets_store
from web.importer import apply_import, plan_for
from web.migrations import runner
from web.passwords import Passwords

SERVICE = "check"
TECHNICIANS = 4
ACCOUNTS = 5
ZONE = "Europe/Lisbon"
SHIFTS = [{"weekday": day, "start": "08:00", "end": "18:00"} for day in range(7)]
HOLD_S = 10
"""The shortest the settings allow: some of the places that customers leave kept come free during the storm."""

# The servers of a storm: no cut-off stands between a customer and what the storm is about.
SETTINGS = {
    "ENROUTE_HOLD_S": str(HOLD_S),
    "ENROUTE_MIN_LEAD_S": "0",
    "ENROUTE_MOVE_CUTOFF_S": "0",
    "ENROUTE_CANCEL_CUTOFF_S": "0",
    "ENROUTE_LOG_LEVEL": "warning",
}


def first_day() -> datetime.date:
    """Tomorrow: today's places come nearer while the storm goes on."""
    return datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)


def catalog(*, customers: int) -> dict[str, Any]:
    """A set-up as `enroute import` takes it; the accounts' sites lie some kilometres apart, so travel counts."""
    return {
        "accounts": [{"id": f"a{n}", "name": f"Account {n}", "site": f"s{n}"} for n in range(ACCOUNTS)],
        "contacts": [
            {"email": f"c{n}@storm.example", "account": f"a{n % ACCOUNTS}", "name": f"Customer {n}"}
            for n in range(customers)
        ],
        "sites": [
            {
                "id": f"s{n}",
                "account": f"a{n}",
                "name": f"Site {n}",
                "address": f"Street {n}",
                "lat": 41.15 + 0.03 * n,
                "lon": -8.61,
                "time_zone": ZONE,
            }
            for n in range(ACCOUNTS)
        ],
        "services": [{"id": SERVICE, "name": "Boiler check", "duration_min": 60}],
        "technicians": [
            {"id": f"t{n}", "name": f"Technician {n}", "time_zone": ZONE, "shifts": SHIFTS} for n in range(TECHNICIANS)
        ],
    }


@dataclass
class _Target:
    """What an import is applied to."""

    database: Database
    passwords: Passwords

    def now_s(self) -> int:
        return int(time.time())


async def settle(url: str, *, customers: int) -> list[str]:
    """Migrate the database, bring the town into it, and sign everybody in: the token of each customer, in order."""
    runner.upgrade(url)
    target = _Target(open_database(url), Passwords())
    try:
        plan = await plan_for(target.database, catalog(customers=customers))
        assert plan.errors == []
        await apply_import(target, plan)
        tokens = {}
        async with target.database.transaction() as connection:
            for person in await accounts_store.people_listed(connection):
                _, tokens[person.email] = await secrets_store.issue(
                    connection,
                    kind="session",
                    subject=person.id,
                    now_s=target.now_s(),
                    expires_s=target.now_s() + 86_400,
                )
    finally:
        target.passwords.close()
        await target.database.close()
    return [tokens[f"c{n}@storm.example"] for n in range(customers)]
