"""How long does a customer wait for two weeks of slots of a large company, and what would the same answer cost others?

200 technicians with 8 visits on each of 14 days, and customers all over the city who ask what is free. Pure logic over
a snapshot in memory: what it takes to read it from a database is shown apart, and `offers` measures the whole answer.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles
from time import thread_time_ns
from typing import TypeVar

import click
import msgspec

from benchmarks.company import (
    FIRST_DAY,
    RULES,
    SERVICE,
    ZONE,
    Company,
    a_customer,
    calendar_for,
    first_instant_s,
    last_day_of,
    make_company,
)
from benchmarks.company_databases import filled_databases
from benchmarks.company_reading import reading_ms
from benchmarks.loading import as_json
from benchmarks.other_searches import period_by_period, slot_by_slot
from benchmarks.process import held_to
from benchmarks.serving import cores
from slots.availability import Candidate, bookable_starts, find_candidates
from slots.calendar import Calendar
from slots.model import Site
from slots.travel import Point, StraightTravel, TravelTime
from slots.travel_table import TravelTable, straight_figure

T = TypeVar("T")
FACTORS = (1, 2, 4, 8)


class Row(msgspec.Struct, frozen=True):
    """Milliseconds of one stage over all questions: of CPU, or where a database is read, of waiting."""

    stage: str
    p50_ms: float
    p95_ms: float
    max_ms: float


class Growth(msgspec.Struct, frozen=True):
    """The whole answer of a company so many times as large in one respect."""

    what: str
    factor: int
    p50_ms: float


class Report(msgspec.Struct, frozen=True):
    """`times` says how many times as long as ours another way takes, on medians."""

    slots: int
    rows: list[Row]
    growth: list[Growth]
    times: dict[str, float]


class DifferentAnswer(AssertionError):
    """Another way to search found something else than ours: one of them is wrong."""


class NoTravel:
    """For the method that knows none."""

    def seconds(self, origin: Point | None, destination: Point | None) -> int:
        return 0


def search(calendar: Calendar, starts: Sequence[tuple[int, date]], travel: TravelTime) -> list[Candidate]:
    return find_candidates(calendar, starts, duration_s=SERVICE.duration_s, travel=travel, buffer_s=RULES.buffer_s)


def starts_of(days: int) -> list[tuple[int, date]]:
    return bookable_starts(FIRST_DAY, last_day_of(days), zone=ZONE, rules=RULES, now_s=first_instant_s())


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """(CPU milliseconds of this thread, what came of it). Nothing waits in it, so on an idle core it takes as long."""
    began_ns = thread_time_ns()
    result = run()
    return (thread_time_ns() - began_ns) / 1e6, result


def ask(company: Company, site: Site, *, days: int, others: bool, times_ms: dict[str, list[float]]) -> int:
    """One customer's question; the number of slots found. `others`: search in the other ways as well, and compare."""

    def note(stage: str, took_ms: float) -> None:
        times_ms.setdefault(stage, []).append(took_ms)

    calendar_ms, calendar = timed(lambda: calendar_for(company, site, days=days))
    search_ms, (starts, found) = timed(
        lambda: (
            (starts := starts_of(days)),
            search(calendar, starts, TravelTable(straight_figure, site=calendar.site)),
        )
    )
    note("calendar", calendar_ms)
    note("search", search_ms)
    note("answer", calendar_ms + search_ms)
    if not others:
        return len(found)
    loop_ms, looped = timed(
        lambda: slot_by_slot(
            calendar,
            starts,
            duration_s=SERVICE.duration_s,
            travel=StraightTravel(),
            buffer_s=RULES.buffer_s,
        )
    )
    note("slot by slot", loop_ms)
    if looped != found:
        raise DifferentAnswer(f"{site.id}: {len(found)} slots, slot by slot {len(looped)}")
    without_ms, without = timed(lambda: search(calendar, starts, NoTravel()))
    note("search, no travel", without_ms)
    every_day = [FIRST_DAY + timedelta(days=n) for n in range(days)]
    periods_ms, offered = timed(
        lambda: period_by_period(
            calendar, every_day, duration_s=SERVICE.duration_s, rules=RULES, now_s=first_instant_s()
        )
    )
    note("period by period", periods_ms)
    if offered != [candidate.start_s for candidate in without]:
        raise DifferentAnswer(f"{site.id}: {len(without)} starts without travel, period by period {len(offered)}")
    return len(found)


def measure(
    *, technicians: int, visits_a_day: int, days: int, questions: int, seed: int, others: int = 0
) -> tuple[list[Row], int]:
    """The rows, and the median number of slots a customer was offered. The first `others` questions are answered in
    the other ways as well."""
    company = make_company(technicians=technicians, visits_a_day=visits_a_day, days=days, seed=seed)
    # As a server does once it has started: what stays for ever is not looked through again and again.
    gc.collect()
    gc.freeze()
    chance = random.Random(seed + 1)
    times_ms: dict[str, list[float]] = {}
    found = [
        ask(company, a_customer(number, chance), days=days, others=number < others, times_ms=times_ms)
        for number in range(questions)
    ]
    return [_row(stage, ms) for stage, ms in times_ms.items()], int(median(found))


def grow(*, technicians: int, visits_a_day: int, days: int, questions: int, seed: int) -> list[Growth]:
    grown = []
    for what in ("technicians", "days", "visits"):
        for factor in FACTORS:
            rows, _ = measure(
                technicians=technicians * (factor if what == "technicians" else 1),
                visits_a_day=visits_a_day * (factor if what == "visits" else 1),
                days=days * (factor if what == "days" else 1),
                questions=questions,
                seed=seed,
            )
            grown.append(Growth(what, factor, _median_of(rows, "answer")))
    return grown


def read(
    *,
    technicians: int,
    visits_a_day: int,
    days: int,
    questions: int,
    seed: int,
    cpu: int | None,
    postgresql: bool = True,
) -> list[Row]:
    """The same company from each database: the rows read and laid out, without the search."""
    company = make_company(technicians=technicians, visits_a_day=visits_a_day, days=days, seed=seed)
    chance = random.Random(seed + 1)
    customers = [a_customer(number, chance) for number in range(questions)]
    return [
        _row(f"read {filled.kind}", reading_ms(filled.url, customers, days=days))
        for filled in filled_databases(company, customers=customers, cpu=cpu, seed=seed, postgresql=postgresql)
    ]


def report(
    *,
    technicians: int,
    visits: int,
    days: int,
    questions: int,
    others: int,
    seed: int,
    cpu: int | None,
    postgresql: bool = True,
) -> Report:
    size = {"technicians": technicians, "visits_a_day": visits, "days": days, "seed": seed}
    rows, slots = measure(**size, questions=questions, others=others)
    times = {
        "slot by slot": _median_of(rows, "slot by slot") / _median_of(rows, "search"),
        "period by period": _median_of(rows, "period by period") / _median_of(rows, "search, no travel"),
    }
    growth = grow(**size, questions=max(2, questions // 10))
    rows += read(**size, questions=max(2, questions // 5), cpu=cpu, postgresql=postgresql)
    return Report(slots, rows, growth, times)


def _row(stage: str, ms: list[float]) -> Row:
    return Row(stage, median(ms), quantiles(ms, n=20, method="inclusive")[-1], max(ms))


def _median_of(rows: list[Row], stage: str) -> float:
    return next(row.p50_ms for row in rows if row.stage == stage)


@click.command("availability")
@click.option("--smoke", is_flag=True, help="A small company, on SQLite: proves that it runs, measures nothing.")
@click.option("--technicians", default=200, show_default=True)
@click.option("--visits", default=8, show_default=True, help="Visits of one technician on one day.")
@click.option("--days", default=14, show_default=True)
@click.option("--questions", default=100, show_default=True, help="Customers who ask, each from another place.")
@click.option("--others", default=20, show_default=True, help="Questions that the other ways answer as well.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the report here.")
def main(
    smoke: bool,
    technicians: int,
    visits: int,
    days: int,
    questions: int,
    others: int,
    seed: int,
    json_path: Path | None,
) -> None:
    """Milliseconds to find the free slots of a large company, beside other ways to find them."""
    if smoke:
        technicians, days, questions, others = 20, 3, 5, 2
    our_cpu, other_cpu = cores()
    with held_to(our_cpu):
        done = report(
            technicians=technicians,
            visits=visits,
            days=days,
            questions=questions,
            others=others,
            seed=seed,
            cpu=other_cpu,
            postgresql=not smoke,
        )
    click.echo(f"{technicians} technicians, {visits} visits a day, {days} days: {done.slots} slots offered (median)")
    click.echo(f"{'stage':18} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    for row in done.rows:
        click.echo(f"{row.stage:18} {row.p50_ms:8.2f} {row.p95_ms:8.2f} {row.max_ms:8.2f}")
    for way, times in done.times.items():
        click.echo(f"{way}: the same starts, {times:.1f} times as long as our search")
    click.echo(f"\n{'answer, p50 ms':18} " + " ".join(f"{f'x{factor}':>8}" for factor in FACTORS))
    for what in ("technicians", "days", "visits"):
        grown = [growth.p50_ms for growth in done.growth if growth.what == what]
        click.echo(f"{what:18} " + " ".join(f"{ms:8.2f}" for ms in grown))
    if json_path:
        json_path.write_bytes(as_json(done))


if __name__ == "__main__":
    main()
