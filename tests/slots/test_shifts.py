from __future__ import annotations

import datetime

from slots.model import Break, Shift, ShiftException
from slots.shifts import Span, duty_spans
from tests.slots.factories import MONDAY, a_resource, at, lunch, weekly

TUESDAY = MONDAY + datetime.timedelta(days=1)


def spans(*, holidays: frozenset[datetime.date] = frozenset(), days: int = 1, **changes: object) -> tuple[Span, ...]:
    return duty_spans(a_resource(**changes), holidays=holidays, from_s=at(0), to_s=at(0, day=days))


def test_a_shift_is_one_span_in_the_technicians_zone() -> None:
    assert spans() == (Span(at(8), at(16), ((at(8), at(16)),)),)
    assert spans(time_zone="Europe/Paris")[0].start_s == at(7)


def test_a_break_divides_a_span_without_ending_it() -> None:
    assert spans(breaks=lunch()) == (Span(at(8), at(16), ((at(8), at(12)), (at(13), at(16)))),)


def test_a_shift_may_cross_midnight() -> None:
    night = (Shift(weekday=0, start_min=22 * 60, end_min=6 * 60),)

    assert spans(shifts=night, days=2) == (Span(at(22), at(30), ((at(22), at(30)),)),)


def test_a_span_that_began_before_the_asked_time_is_whole() -> None:
    night = (Shift(weekday=6, start_min=22 * 60, end_min=6 * 60),)

    assert spans(shifts=night) == (Span(at(-2), at(6), ((at(-2), at(6)),)),)


def test_shifts_that_touch_are_one_span() -> None:
    double = (Shift(weekday=0, start_min=480, end_min=720), Shift(weekday=0, start_min=720, end_min=900))

    assert [(span.start_s, span.end_s) for span in spans(shifts=double)] == [(at(8), at(15))]


def test_a_break_over_midnight_divides_a_night_shift() -> None:
    night = (Shift(weekday=0, start_min=22 * 60, end_min=6 * 60),)
    breaks = (Break(weekday=0, start_min=23 * 60 + 30, end_min=30),)

    assert spans(shifts=night, breaks=breaks, days=2)[0].pieces == ((at(22), at(23.5)), (at(24.5), at(30)))


def test_nobody_works_on_a_holiday() -> None:
    assert spans(holidays=frozenset({MONDAY})) == ()


def test_a_night_shift_ends_where_the_holiday_begins() -> None:
    night = (Shift(weekday=0, start_min=22 * 60, end_min=6 * 60),)

    found = spans(shifts=night, holidays=frozenset({TUESDAY}), days=2)

    assert [(span.start_s, span.end_s) for span in found] == [(at(22), at(24))]


def test_a_day_off_takes_the_whole_day_and_hours_off_a_part() -> None:
    whole = ShiftException(date=MONDAY, kind="off")
    part = ShiftException(date=MONDAY, kind="off", start_min=600, end_min=720)

    assert spans(exceptions=(whole,)) == ()
    assert [(s.start_s, s.end_s) for s in spans(exceptions=(part,))] == [(at(8), at(10)), (at(12), at(16))]


def test_extra_time_works_even_on_a_holiday() -> None:
    extra = ShiftException(date=MONDAY, kind="extra", start_min=600, end_min=720)

    found = spans(exceptions=(extra,), holidays=frozenset({MONDAY}))

    assert [(span.start_s, span.end_s) for span in found] == [(at(10), at(12))]


def test_a_shift_over_the_repeated_hour_lasts_an_hour_longer() -> None:
    resource = a_resource(shifts=weekly(0, 180))
    sunday = int(datetime.datetime(2026, 10, 25, tzinfo=datetime.UTC).timestamp()) - 3600

    (span,) = duty_spans(resource, holidays=(), from_s=sunday, to_s=sunday + 6 * 3600)

    assert span.end_s - span.start_s == 4 * 3600
