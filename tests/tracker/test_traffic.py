from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS
from tracker.traffic import HOURS_PER_WEEK, MINUTE_MS, Traffic, usual_log

LON = -8.62


def busy(traffic: Traffic, *, ratio: float, minutes_ago: int = 5, took_s: float = 20_000) -> None:
    traffic.observe(at_ms=NOW_MS - minutes_ago * MINUTE_MS, took_s=took_s, expected_s=took_s / ratio)


def test_where_nobody_drives_the_pace_is_the_usual_one_of_the_hour():
    traffic = Traffic()

    assert traffic.log_pace(at_ms=NOW_MS, lon=LON) == pytest.approx(traffic.usual_log(at_ms=NOW_MS, lon=LON))


def test_nights_are_free_and_evenings_slow_whatever_the_longitude():
    assert usual_log(solar_hour=3) < usual_log(solar_hour=12) < usual_log(solar_hour=17)
    at_ms = NOW_MS - NOW_MS % 86_400_000
    assert Traffic().usual_log(at_ms=at_ms + 3 * 3_600_000, lon=0.0) == pytest.approx(
        Traffic().usual_log(at_ms=at_ms + 11 * 3_600_000, lon=-120.0)
    )


def test_what_all_drive_slowly_is_slow_for_the_next_one():
    traffic = Traffic()
    busy(traffic, ratio=2.0)

    assert log(1.7) < traffic.log_pace(at_ms=NOW_MS, lon=LON) < log(2.0)


def test_a_few_minutes_of_driving_say_little():
    traffic = Traffic()
    busy(traffic, ratio=2.0, took_s=120)

    assert traffic.log_pace(at_ms=NOW_MS, lon=LON) - traffic.usual_log(at_ms=NOW_MS, lon=LON) < 0.1


def test_the_pace_fades_to_the_usual_one():
    traffic = Traffic()
    busy(traffic, ratio=2.0)
    paces = [traffic.log_pace(at_ms=NOW_MS + minutes * MINUTE_MS, lon=LON) for minutes in (0, 40, 80)]

    assert paces == sorted(paces, reverse=True)
    day_later = NOW_MS + 86_400_000
    assert traffic.log_pace(at_ms=day_later, lon=LON) == pytest.approx(traffic.usual_log(at_ms=day_later, lon=LON))


def test_nothing_of_the_asked_minute_or_later_is_known():
    traffic = Traffic()
    before = traffic.log_pace(at_ms=NOW_MS, lon=LON)

    traffic.observe(at_ms=NOW_MS, took_s=9_000, expected_s=1_000)
    traffic.observe(at_ms=NOW_MS + 600_000, took_s=9_000, expected_s=1_000)

    assert traffic.log_pace(at_ms=NOW_MS, lon=LON) == before


def test_what_is_handed_in_late_counts():
    traffic = Traffic()
    before = traffic.log_pace(at_ms=NOW_MS, lon=LON)
    busy(traffic, ratio=3.0)

    assert traffic.log_pace(at_ms=NOW_MS, lon=LON) > before


def test_learned_hours_take_the_place_of_the_usual_ones():
    # 1970 began on a Thursday at hour 72 of the week.
    hours = tuple(float(hour) / 1000 for hour in range(HOURS_PER_WEEK))

    assert Traffic(hours).usual_log(at_ms=3_600_000, lon=LON) == pytest.approx(0.073)
    with pytest.raises(ValueError, match="168"):
        Traffic((0.0,))


@given(
    st.lists(
        st.tuples(st.integers(0, 10**13), st.floats(0, 1e5), st.floats(-1e4, 1e5)),
        max_size=40,
    )
)
def test_whatever_was_driven_the_pace_is_a_number(driven):
    traffic = Traffic()
    for at_ms, took_s, expected_s in driven:
        traffic.observe(at_ms=at_ms, took_s=took_s, expected_s=expected_s)

        assert exp(traffic.log_pace(at_ms=at_ms + MINUTE_MS, lon=LON)) > 0
