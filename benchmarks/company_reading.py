"""How long the snapshot of availability takes to be read from a database, laid out as time lines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

from benchmarks.company import SERVICE, ZONE, first_instant_s, last_day_of
from slots.availability import MARGIN_S
from slots.calendar_store import load_calendar
from slots.model import Site
from slots.store import open_database
from slots.zones import day_bounds

WARM_UP = 2


def reading_ms(url: str, customers: Sequence[Site], *, days: int) -> list[float]:
    """Milliseconds for each customer, calendar included, on a connection that is open already."""
    return asyncio.run(_reading_ms(url, customers, days=days))


async def _reading_ms(url: str, customers: Sequence[Site], *, days: int) -> list[float]:
    now_s = first_instant_s()
    took_ms = []
    database = open_database(url)
    try:
        async with database.read() as connection:
            for site in (*customers[:WARM_UP], *customers):
                began_s = perf_counter()
                await load_calendar(
                    connection,
                    service=SERVICE,
                    site=site,
                    from_s=now_s - MARGIN_S,
                    to_s=day_bounds(last_day_of(days), ZONE)[1] + MARGIN_S,
                    now_s=now_s,
                )
                took_ms.append((perf_counter() - began_s) * 1e3)
    finally:
        await database.close()
    return took_ms[len(customers[:WARM_UP]) :]
