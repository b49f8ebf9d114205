"""Half-open intervals [start, end) of whole seconds, and sets of them: sorted, disjoint, never touching. Pure."""

from __future__ import annotations

from collections.abc import Iterable

Interval = tuple[int, int]
IntervalSet = tuple[Interval, ...]


def interval_set(intervals: Iterable[Interval]) -> IntervalSet:
    """Sort, drop the empty, merge what overlaps or touches."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def union(a: IntervalSet, b: IntervalSet) -> IntervalSet:
    return interval_set((*a, *b))


def subtract(a: IntervalSet, b: IntervalSet) -> IntervalSet:
    """What of `a` is not in `b`."""
    rest: list[Interval] = []
    index = 0
    for start, end in a:
        while index < len(b) and b[index][1] <= start:
            index += 1
        position = index
        while position < len(b) and b[position][0] < end:
            if b[position][0] > start:
                rest.append((start, b[position][0]))
            start = max(start, b[position][1])
            position += 1
        if start < end:
            rest.append((start, end))
    return tuple(rest)


def intersect(a: IntervalSet, b: IntervalSet) -> IntervalSet:
    common: list[Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        start = max(a[i][0], b[j][0])
        end = min(a[i][1], b[j][1])
        if start < end:
            common.append((start, end))
        if a[i][1] <= b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def overlaps(a: Interval, b: Interval) -> bool:
    """Sharing at least one second; touching is not overlapping."""
    return max(a[0], b[0]) < min(a[1], b[1])


def total(a: IntervalSet) -> int:
    """Seconds covered."""
    return sum(end - start for start, end in a)
