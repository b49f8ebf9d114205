from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bookings import Bookings
from benchmarks.overload_report import overload_result, quantile, targets_of
from benchmarks.process import Load
from tests.benchmarks.reports import a_spread, heard
from tests.benchmarks.smoke import smoke

MIB = 2**20


def a_level(*, memory: list[int], bookings: Bookings | None = None, **fields):
    return overload_result(
        heard(**fields),
        after=heard(),
        times=2.0,
        burst=2,
        rate_per_s=1000.0,
        before=Load(cpu_s=1.0, kept_waiting_s=0.0),
        used=Load(cpu_s=10.0, kept_waiting_s=0.5),
        memory=memory,
        rss_start=memory[0],
        rss_after=memory[-1],
        bookings=bookings or Bookings(slots_ms=[10.0], booking_ms=[20.0]),
    )


def missed(level) -> list[str]:
    return [target.name for target in targets_of([level]) if not target.reached]


def test_fixes_that_a_full_socket_held_back_were_offered_and_are_told_apart() -> None:
    level = a_level(memory=[100 * MIB] * 4, seconds=10.0, fixes=6_000, withheld=3_000, unsendable=1_000, ahead=5_000)

    assert (level.offered_per_s, level.handed_per_s, level.withheld_share) == (1000.0, 600.0, 0.3)
    assert level.server_busy == pytest.approx(0.9)


def test_a_load_that_was_not_offered_proves_nothing() -> None:
    level = a_level(memory=[100 * MIB] * 4, seconds=10.0, fixes=5_000)

    assert missed(level) == ["2x: share of the load that was offered"]


def test_memory_that_does_not_stop_growing_misses_the_target() -> None:
    level = a_level(memory=[100 * MIB, 150 * MIB, 200 * MIB, 250 * MIB], seconds=10.0, fixes=10_000)

    assert (level.rss_first_half, level.rss_second_half) == (150 * MIB, 250 * MIB)
    assert missed(level) == ["2x: memory in the second half"]


def test_old_positions_and_failed_bookings_miss_their_targets() -> None:
    bookings = Bookings(slots_ms=[10.0], booking_ms=[], failures={"GET /api/slots answered 503": 1})
    level = a_level(
        memory=[100 * MIB] * 4, bookings=bookings, seconds=10.0, fixes=10_000, age_us=a_spread(p99=1_500_000.0)
    )

    assert missed(level) == [
        "2x: p99 age of the newest position seen",
        "2x: bookings made",
        "2x: requests of the customer that failed",
    ]


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 2.0, 3.0, 3.0]


def test_both_levels_are_measured_and_a_customer_books_meanwhile(tmp_path: Path) -> None:
    report, table = smoke("overload", tmp_path)

    twice, tenfold = report["results"]
    assert report["sustained_per_s"] > 0
    assert (twice["times"], twice["burst"], tenfold["times"], tenfold["burst"]) == (2.0, 2, 10.0, 10)
    for level in (twice, tenfold):
        assert level["handed_per_s"] > 0
        assert level["told_per_s"] > 0
        assert level["age_us"]["count"] > 0
        assert level["bookings"]["failures"] == {}
        assert level["bookings"]["booking_ms"]
        assert level["rss_each_half_second"]
        assert level["seq_regressions"] == 0
    assert "one core sustains" in table
