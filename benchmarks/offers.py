"""How long does a customer wait for free times over HTTP, as long as the company is large?

A real server, held to one core, on a database that holds the company of `availability`; customers all over the city who
ask for two weeks, and for one day. One asks after the other: what is measured is an answer, not a queue.
"""

from __future__ import annotations

import json
import random
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import click
import msgspec

from benchmarks.company import SERVICE, ZONE, a_customer, make_company
from benchmarks.company_databases import Filled, filled_databases
from benchmarks.http_client import HttpClient, signed_in
from benchmarks.loading import as_json
from benchmarks.process import load_of
from benchmarks.serving import cores, serve_enroute
from slots.model import Site

ACCOUNT = "customer"
EMAIL = "customer@company.example"
PASSWORD = "benchmarks only: 41.15"
WARM_UP = 3
HEADINGS = ("p50 ms", "p95 ms", "max ms", "CPU ms")


class Row(msgspec.Struct, frozen=True):
    """Answers for one number of days from one kind of database. Milliseconds as the client waits them, and of the
    server's CPU for each."""

    database: str
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


def measure(*, technicians: int, visits_a_day: int, days: int, questions: int, seed: int) -> list[Row]:
    first_day = datetime.now(ZONE).date() + timedelta(days=1)
    company = make_company(
        technicians=technicians, visits_a_day=visits_a_day, days=days, seed=seed, first_day=first_day
    )
    chance = random.Random(seed + 1)
    customers = [a_customer(number, chance) for number in range(questions)]
    server_cpu, other_cpu = cores()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.json"
        catalog.write_text(json.dumps(catalog_of(customers)))
        for filled in filled_databases(company, customers=customers, catalog=catalog, cpu=other_cpu, seed=seed):
            rows += _rows_of(filled, customers, first_day=first_day, days=days, cpu=server_cpu)
    return rows


def _rows_of(filled: Filled, customers: list[Site], *, first_day: date, days: int, cpu: int | None) -> list[Row]:
    rows = []
    with serve_enroute(filled.path, cpu=cpu, settings={"ENROUTE_DATABASE": filled.url}) as server:
        token, _ = signed_in(server.port, email=EMAIL, password=PASSWORD)
        with HttpClient(server.port, token=token) as client:
            for asked in (days, 1):
                span = f"from={first_day}&to={first_day + timedelta(days=asked - 1)}"
                paths = [f"/api/slots?service={SERVICE.id}&asset=asset-{site.id}&{span}" for site in customers]
                for path in paths[:WARM_UP]:
                    client.ask("GET", path)
                waited_ms, slots, sizes = [], [], []
                (pid,) = server.pids
                before_s = load_of(pid).cpu_s
                for path in paths:
                    began_s = perf_counter()
                    body = client.ask("GET", path).body
                    waited_ms.append((perf_counter() - began_s) * 1e3)
                    slots.append(sum(len(day["slots"]) for day in body["days"]))
                    sizes.append(len(json.dumps(body, separators=(",", ":"))))
                rows.append(
                    Row(
                        database=filled.kind,
                        days=asked,
                        slots=int(median(slots)),
                        kilobytes=median(sizes) / 1e3,
                        p50_ms=median(waited_ms),
                        p95_ms=quantiles(waited_ms, n=20, method="inclusive")[-1],
                        max_ms=max(waited_ms),
                        cpu_ms=(load_of(pid).cpu_s - before_s) * 1e3 / len(paths),
                    )
                )
    return rows


@click.command("offers")
@click.option("--smoke", is_flag=True, help="A small company: proves that it runs, measures nothing.")
@click.option("--technicians", default=200, show_default=True)
@click.option("--visits", default=8, show_default=True, help="Visits of one technician on one day.")
@click.option("--days", default=14, show_default=True)
@click.option("--questions", default=60, show_default=True, help="Customers who ask, each from another place.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(
    smoke: bool, technicians: int, visits: int, days: int, questions: int, seed: int, json_path: Path | None
) -> None:
    """Milliseconds until a customer of a large company sees the free times, from each database."""
    if smoke:
        technicians, days, questions = 20, 3, 4
    rows = measure(technicians=technicians, visits_a_day=visits, days=days, questions=questions, seed=seed)
    click.echo(f"{technicians} technicians, {visits} visits a day, {days} days of visits; {questions} questions each")
    click.echo(
        f"{'database':12} {'days':>4} {'slots':>6} {'KB':>6} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8} {'CPU ms':>8}"
    )
    for row in rows:
        click.echo(
            f"{row.database:12} {row.days:4} {row.slots:6} {row.kilobytes:6.1f}"
            f" {row.p50_ms:8.1f} {row.p95_ms:8.1f} {row.max_ms:8.1f} {row.cpu_ms:8.1f}"
        )
    if not any(row.database == "PostgreSQL" for row in rows):
        click.echo("PostgreSQL: its programs are not installed here")
    if json_path:
        json_path.write_bytes(as_json(rows))


if __name__ == "__main__":
    main()
