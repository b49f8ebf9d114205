from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from slots.intervals import IntervalSet, intersect, interval_set, overlaps, subtract, total, union

intervals = st.tuples(st.integers(0, 60), st.integers(0, 60))
sets = st.lists(intervals, max_size=8).map(interval_set)


def seconds(a: IntervalSet) -> set[int]:
    return {second for start, end in a for second in range(start, end)}


@given(st.lists(intervals, max_size=8))
def test_a_set_is_sorted_disjoint_and_never_touching(raw: list[tuple[int, int]]) -> None:
    made = interval_set(raw)

    assert all(start < end for start, end in made)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(made))
    assert seconds(made) == {second for start, end in raw for second in range(start, end)}


@given(sets, sets)
def test_union_is_what_is_in_either(a: IntervalSet, b: IntervalSet) -> None:
    assert union(a, b) == interval_set(union(a, b))
    assert seconds(union(a, b)) == seconds(a) | seconds(b)


@given(sets, sets)
def test_subtract_is_what_is_in_the_first_alone(a: IntervalSet, b: IntervalSet) -> None:
    assert subtract(a, b) == interval_set(subtract(a, b))
    assert seconds(subtract(a, b)) == seconds(a) - seconds(b)


@given(sets, sets)
def test_intersect_is_what_is_in_both(a: IntervalSet, b: IntervalSet) -> None:
    assert intersect(a, b) == interval_set(intersect(a, b))
    assert seconds(intersect(a, b)) == seconds(a) & seconds(b)


@given(sets)
def test_total_counts_seconds(a: IntervalSet) -> None:
    assert total(a) == len(seconds(a))


def test_intervals_that_touch_do_not_overlap() -> None:
    assert not overlaps((0, 10), (10, 20))
    assert overlaps((0, 11), (10, 20))


def test_an_empty_interval_overlaps_nothing() -> None:
    assert not overlaps((5, 5), (0, 10))
