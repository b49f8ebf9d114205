"""How long does a customer wait for free times over HTTP, as long as the company is large?

A real server, held to one core, on a database that holds the company of `availability`; customers all over the city who
ask for two weeks, and for one day. One asks after the other: what is measured is an answer, not a queue.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import cos, radians
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import click
import msgspec

from benchmarks.company import SERVICE, ZONE, a_customer, make_company
from benchmarks.company_databases import Filled, filled_databases
from benchmarks.http_client import HttpClient, signed_in
from benchmarks.loading import CITY_LAT, CITY_LON, as_json
from benchmarks.process import load_of
from benchmarks.roads import BLOCK_M, write_grid
from benchmarks.serving import Server, cores, serve_enroute
from slots.model import Site
from tracker.geo import METRES_PER_DEGREE
from tracker.roads.build import build_roads

ACCOUNT = "customer"
EMAIL = "customer@company.example"
PASSWORD = "benchmarks only: 41.15"
WARM_UP = 3
HEADINGS = ("p50 ms", "p95 ms", "max ms", "CPU ms")


class Row(msgspec.Struct, frozen=True):
    """Answers for one number of days from one kind of database. Milliseconds as the client waits them, and of the
    server's CPU for each. `turn` is `first` when nobody has asked from these places before."""

    database: str
    travel: str
    turn: str
    days: int
    slots: int
    kilobytes: float
    p50_ms: float
    p95_ms: float
    max_ms: float
    cpu_ms: float


def catalog_of(customers: list[Site]) -> dict[str, list[dict[str, Any]]]:
    """One account whose things stand all over the city: one customer can ask from everywhere."""
    return {
        "accounts": [{"id": ACCOUNT, "name": "Customer", "status": "active", "site": customers[0].id}],
        "contacts": [{"email": EMAIL, "account": ACCOUNT, "name": "Customer", "password": PASSWORD}],
        "assets": [
            {"id": f"asset-{site.id}", "account": ACCOUNT, "site": site.id, "name": "Boiler"} for site in customers
        ],
    }


def build_city_roads(folder: Path, *, side: int, seed: int) -> Path:
    """The road graph of a grid that has the company's city in its middle."""
    half_lat = side / 2 * BLOCK_M / METRES_PER_DEGREE
    extract, graph = folder / "city.osm.pbf", folder / "city.graph"
    half_lon = half_lat / cos(radians(CITY_LAT))
    write_grid(extract, side=side, seed=seed, lat=CITY_LAT - half_lat, lon=CITY_LON - half_lon)
    build_roads(extract, graph)
    return graph


def measure(
    *, technicians: int, visits_a_day: int, days: int, questions: int, seed: int, roads_side: int = 0
) -> list[Row]:
    """With `roads_side` junctions of a road network on a side also on roads, from SQLite."""
    first_day = datetime.now(ZONE).date() + timedelta(days=1)
    company = make_company(
        technicians=technicians, visits_a_day=visits_a_day, days=days, seed=seed, first_day=first_day
    )
    chance = random.Random(seed + 1)
    customers = [a_customer(number, chance) for number in range(questions)]
    server_cpu, other_cpu = cores()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog = folder / "catalog.json"
        catalog.write_text(json.dumps(catalog_of(customers)))
        # Without a map of its own a server would take one that happens to lie in the folder it is started in.
        straight = {"ENROUTE_ROADS_FILE": str(folder / "none.graph")}
        for filled in filled_databases(company, customers=customers, catalog=catalog, cpu=other_cpu, seed=seed):
            rows += _rows_of(filled, customers, first_day, (days, 1), "straight lines", straight, server_cpu)
            if roads_side and filled.kind == "SQLite":
                roads = {"ENROUTE_ROADS_FILE": str(build_city_roads(folder, side=roads_side, seed=seed))}
                rows += _rows_of(filled, customers, first_day, (days,), "roads", roads, server_cpu)
    return rows


def _rows_of(
    filled: Filled,
    customers: list[Site],
    first_day: date,
    days: Sequence[int],
    travel: str,
    settings: dict[str, str],
    cpu: int | None,
) -> list[Row]:
    """For each number of days every customer asks once, then each again."""
    rows = []
    with serve_enroute(filled.path, cpu=cpu, settings=settings | {"ENROUTE_DATABASE": filled.url}) as server:
        token, _ = signed_in(server.port, email=EMAIL, password=PASSWORD)
        with HttpClient(server.port, token=token) as client:
            for asked in days:
                span = f"from={first_day}&to={first_day + timedelta(days=asked - 1)}"
                paths = [f"/api/slots?service={SERVICE.id}&asset=asset-{site.id}&{span}" for site in customers]
                for path in paths[:WARM_UP]:
                    client.ask("GET", path)
                for turn in ("first", "again"):
                    figures = _ask_all(client, paths[WARM_UP:], server)
                    rows.append(Row(database=filled.kind, travel=travel, turn=turn, days=asked, **figures))
    return rows


def _ask_all(client: HttpClient, paths: list[str], server: Server) -> dict[str, Any]:
    """The figures of a row."""
    waited_ms, slots, sizes = [], [], []
    (pid,) = server.pids
    before_s = load_of(pid).cpu_s
    for path in paths:
        began_s = perf_counter()
        body = client.ask("GET", path).body
        waited_ms.append((perf_counter() - began_s) * 1e3)
        slots.append(sum(len(day["slots"]) for day in body["days"]))
        sizes.append(len(json.dumps(body, separators=(",", ":"))))
    return {
        "slots": int(median(slots)),
        "kilobytes": median(sizes) / 1e3,
        "p50_ms": median(waited_ms),
        "p95_ms": quantiles(waited_ms, n=20, method="inclusive")[-1],
        "max_ms": max(waited_ms),
        "cpu_ms": (load_of(pid).cpu_s - before_s) * 1e3 / len(paths),
    }


@click.command("offers")
@click.option("--smoke", is_flag=True, help="A small company: proves that it runs, measures nothing.")
@click.option("--technicians", default=200, show_default=True)
@click.option("--visits", default=8, show_default=True, help="Visits of one technician on one day.")
@click.option("--days", default=14, show_default=True)
@click.option("--questions", default=60, show_default=True, help="Customers who ask, each from another place.")
@click.option(
    "--roads-side", default=0, help="Also on roads: junctions on a side of their network; 260 hold the whole city."
)
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(
    smoke: bool,
    technicians: int,
    visits: int,
    days: int,
    questions: int,
    roads_side: int,
    seed: int,
    json_path: Path | None,
) -> None:
    """Milliseconds until a customer of a large company sees the free times, from each database."""
    if smoke:
        technicians, days, questions, roads_side = 20, 3, WARM_UP + 2, 0
    rows = measure(
        technicians=technicians,
        visits_a_day=visits,
        days=days,
        questions=questions,
        seed=seed,
        roads_side=roads_side,
    )
    click.echo(f"{technicians} technicians, {visits} visits a day, {days} days of visits")
    heads = f"{'database':10} {'travel':14} {'turn':5} {'days':>4} {'slots':>5} {'KB':>6} "
    click.echo(heads + " ".join(f"{head:>8}" for head in HEADINGS))
    for row in rows:
        click.echo(
            f"{row.database:10} {row.travel:14} {row.turn:5} {row.days:4} {row.slots:5} {row.kilobytes:6.1f}"
            f" {row.p50_ms:8.1f} {row.p95_ms:8.1f} {row.max_ms:8.1f} {row.cpu_ms:8.1f}"
        )
    if not any(row.database == "PostgreSQL" for row in rows):
        click.echo("PostgreSQL: its programs are not installed here")
    if json_path:
        json_path.write_bytes(as_json(rows))


if __name__ == "__main__":
    main()
