from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.availability import NoTravel, measure, search, starts_of
from benchmarks.company import FIRST_DAY, RULES, SERVICE, a_customer, calendar_for, first_instant_s, make_company
from benchmarks.other_searches import period_by_period, slot_by_slot
from slots.travel import StraightTravel
from slots.travel_table import TravelTable, straight_figure
from tests.benchmarks.smoke import smoke


def test_nobody_in_the_company_is_in_two_places_at_once() -> None:
    company = make_company(technicians=20, visits_a_day=8, days=14, seed=5)

    for visits in company.busy.values():
        assert all(before.end_s <= after.start_s for before, after in pairwise(visits))


def test_the_company_has_something_left_to_offer() -> None:
    rows, slots = measure(technicians=20, visits_a_day=8, days=3, questions=3, seed=1)

    assert slots > 0
    assert [row.stage for row in rows] == ["calendar", "search", "answer"]


@pytest.mark.parametrize("seed", range(5))
def test_slot_by_slot_finds_the_same_starts_and_technicians(seed: int) -> None:
    company = make_company(technicians=12, visits_a_day=4, days=3, seed=seed)
    calendar = calendar_for(company, a_customer(0, random.Random(seed)), days=3)
    starts = starts_of(3)

    found = search(calendar, starts, TravelTable(straight_figure, site=calendar.site))

    assert found == slot_by_slot(
        calendar, starts, duration_s=SERVICE.duration_s, travel=StraightTravel(), buffer_s=RULES.buffer_s
    )
    assert len(found) > 0


@pytest.mark.parametrize("seed", range(5))
def test_period_by_period_finds_the_same_starts_where_nobody_travels(seed: int) -> None:
    company = make_company(technicians=12, visits_a_day=4, days=1, seed=seed)
    calendar = calendar_for(company, a_customer(0, random.Random(seed)), days=1)

    offered = period_by_period(
        calendar, [FIRST_DAY], duration_s=SERVICE.duration_s, rules=RULES, now_s=first_instant_s()
    )

    assert offered == [candidate.start_s for candidate in search(calendar, starts_of(1), NoTravel())]
    assert len(offered) > 0


def test_every_stage_is_measured_and_all_ways_agree(tmp_path: Path) -> None:
    report, table = smoke("availability", tmp_path)

    stages = [row["stage"] for row in report["rows"]]
    assert stages[:6] == ["calendar", "search", "answer", "slot by slot", "search, no travel", "period by period"]
    assert "read SQLite" in stages
    assert [(grown["what"], grown["factor"]) for grown in report["growth"]] == [
        (what, factor) for what in ("technicians", "days", "visits") for factor in (1, 2, 4, 8)
    ]
    assert set(report["times"]) == {"slot by slot", "period by period"}
    assert "times as long as our search" in table
