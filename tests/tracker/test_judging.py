import numpy as np
import pytest

from tests.tracker.journeys import NOW_MS
from tracker.judging import FAR_MS, FEWEST_TAUGHT, Told, folds, least_that_pays, paired
from tracker.messages import Fix
from tracker.recordings import Recording

HOUR_MS = 3_600_000
MIDNIGHT_MS = NOW_MS - NOW_MS % (24 * HOUR_MS)


def trips_at(*hours: float) -> list[Recording]:
    """Trips of a minute at hours from a midnight on the zero meridian."""
    return [
        Recording(str(hour), tuple(Fix(fixed_at=at_ms + s * 1000, lat=1.0, lon=0.0) for s in (0, 30, 60)))
        for hour in sorted(hours)
        for at_ms in (MIDNIGHT_MS + round(hour * HOUR_MS),)
    ]


def working_days(days: int, *, trips: int = 12) -> list[Recording]:
    return trips_at(*(24 * day + 9 + number / 2 for day in range(days) for number in range(trips)))


def told(*off_s: float, trips: int | None = None) -> Told:
    """A row per error, of as many trips in turn."""
    rows = len(off_s)
    left_s = np.full(rows, 500.0)
    eta_s = left_s + np.array(off_s)
    return Told(np.arange(rows) % (trips or rows), left_s, eta_s, eta_s - 50.0, eta_s + 50.0)


def test_days_are_judged_by_what_other_days_taught():
    history = working_days(3)
    day = [trip.started_at // (24 * HOUR_MS) for trip in history]

    parted = folds(history)

    assert len(parted) == 3
    for fold in parted:
        (judged,) = {day[number] for number in fold.judges}
        assert {day[number] for number in fold.taught} == set(day) - {judged}


def test_every_trip_far_in_time_teaches_and_none_that_is_near():
    history = trips_at(*(number / 10 for number in range(700)))
    starts = [trip.started_at for trip in history]

    for fold in folds(history):
        far = min(abs(starts[one] - starts[other]) for one in fold.judges for other in fold.taught)
        assert far >= FAR_MS


def test_parts_of_one_day_judge_each_other_across_hours():
    morning, evening = folds(trips_at(*(8 + number / 6 for number in range(60))))

    assert max(morning.judges) < min(morning.taught)
    assert max(evening.taught) < min(evening.judges)
    assert len(evening.taught) >= FEWEST_TAUGHT


def test_a_few_hours_have_no_judges():
    assert folds(trips_at(*(8 + number / 20 for number in range(60)))) == []
    assert folds([]) == []


def test_many_days_are_judged_by_a_bounded_number_of_trips():
    parted = folds(working_days(28, trips=20))

    assert len(parted) == 5
    assert sum(len(fold.judges) for fold in parted) == 400


def test_what_helps_all_alike_is_a_gain_without_error():
    gain, error = paired([told(60, -60, 60)], [told(50, -50, 50)])

    assert (gain, error) == (pytest.approx(10), pytest.approx(0, abs=1e-9))


def test_rows_of_one_trip_count_as_one_witness():
    before, after = [0.0] * 40, [1.0, -1.0, 3.0, 5.0] * 10

    apart = paired([told(*before)], [told(*after)])
    together = paired([told(*before, trips=4)], [told(*after, trips=4)])

    assert apart[0] == together[0] == pytest.approx(-2.5)
    assert together[1] > 2 * apart[1]


def test_days_that_disagree_are_doubted_however_many_trips_they_have():
    good, bad = told(*[10.0] * 100), told(*[60.0] * 100)

    gain, error = paired([bad, good], [good, bad])

    assert gain == 0
    assert error > 20


def test_of_what_pays_the_least_is_taken_that_is_as_good_as_the_best():
    mixed = [told(*[40.0, 20.0] * 20)]

    assert least_that_pays({0.0: [told(*[60.0] * 40)], 0.5: mixed, 1.0: [told(*[30.0] * 40)]}) == 0.5
    assert least_that_pays({0.0: [told(*[60.0] * 40)], 0.5: [told(*[45.0] * 40)], 1.0: mixed}) == 1.0


def test_what_does_not_pay_beyond_chance_is_not_taken():
    lucky = [told(*[-30.0, 92.0, -61.0, 30.0] * 2)]

    assert least_that_pays({0.0: [told(*[60.0] * 8)], 1.0: lucky}) == 0.0
    assert least_that_pays({0.0: [told(*[60.0] * 8)], 1.0: [told(*[70.0] * 8)]}) == 0.0


def test_what_is_doubted_must_gain_more_than_the_doubt():
    options = {0.0: [told(*[100.0] * 8)], 0.5: [told(*[99.0] * 8)]}

    assert least_that_pays(options) == 0.5
    assert least_that_pays(options, doubt=0.02) == 0.0
