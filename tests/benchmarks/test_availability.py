from __future__ import annotations

from itertools import pairwise

from benchmarks.availability import make_company, measure


def test_nobody_in_the_company_is_in_two_places_at_once() -> None:
    company = make_company(technicians=20, visits_a_day=8, days=14, seed=5)

    for visits in company.busy.values():
        assert all(before.end_s <= after.start_s for before, after in pairwise(visits))


def test_the_company_has_something_left_to_offer() -> None:
    rows, slots = measure(technicians=20, visits_a_day=8, days=3, questions=3, seed=1)

    assert slots > 0
    assert [row.stage for row in rows] == ["calendar", "search", "answer"]
