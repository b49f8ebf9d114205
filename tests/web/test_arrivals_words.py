import datetime

import pytest

from tests.web.ledgers import WEEK, visit
from tracker.accuracy import Accuracy, measure
from tracker.calibration import Check
from web import arrivals_words as words
from web.arrivals import Learned, Report

MONDAY = datetime.date(2026, 11, 23)


def report(rows, *, days: int = 7) -> Report:
    first_day = MONDAY - datetime.timedelta(days=days - 1)
    return Report(first_day, MONDAY, "Europe/Lisbon", measure(rows), {})


def test_the_headline_says_how_far_off_and_whether_the_range_held():
    assert words.headline(report(WEEK[:8])) == (
        "Last 7 days: 4 visits. 15 minutes before, we were off by 75 s on average; the range held in 75 %."
    )


def test_the_headline_of_short_drives_speaks_of_five_minutes():
    (_, at_5) = visit("1", "2026-11-23T09:00")

    assert words.headline(report([at_5], days=1)) == (
        "Mon 23 Nov: 1 visit. 5 minutes before, we were off by 60 s on average; the range held in 100 %."
    )


def test_the_headline_of_nothing():
    assert words.headline(report([])) == "Last 7 days: no arrivals yet."


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (92.4, "92 s"), (119.4, "119 s"), (119.6, "2.0 min"), (205, "3.4 min")]
)
def test_a_length_is_short_to_read(seconds: float, text: str):
    assert words.length(seconds) == text


@pytest.mark.parametrize(
    ("median_error_s", "text"),
    [
        (0, "neither early nor late"),
        (-4.9, "neither early nor late"),
        (12, "12 s earlier than told"),
        (-150, "2.5 min later than told"),
    ],
)
def test_who_was_told_too_late_a_time_sees_the_technician_early(median_error_s: float, text: str):
    accuracy = Accuracy(15, 1, abs(median_error_s), median_error_s, 0.1, 1.0, 1.0, 60.0)

    assert words.tendency(accuracy) == text


def test_the_range_held_counts_all_horizons_by_their_arrivals():
    at_15, at_5 = visit("1", "2026-11-23T09:00")
    _, missed = visit("2", "2026-11-23T09:00", held=False)

    assert words.held(measure([at_15, at_5, missed])) == pytest.approx(2 / 3)
    assert words.held(measure([])) is None


def test_a_span_names_its_year_once():
    assert words.span_words(report([])) == "17 Nov to 23 Nov 2026"
    assert words.span_words(report([], days=1)) == "23 Nov 2026"
    assert words.span_words(report([], days=400)) == "20 Oct 2025 to 23 Nov 2026"


LEARNED_MS = 1_795_000_000_000
"""18 November 2026."""


@pytest.mark.parametrize(
    ("learned", "text"),
    [
        (None, ""),
        (Learned(LEARNED_MS, 312), "Learned on 18 Nov from 312 trips."),
        (
            Learned(LEARNED_MS, 0, Check(trips=80, cold_mae_s=90, mae_s=99, fell_back=True)),
            "Back to the start without learning on 18 Nov: the 80 trips of the days before were off by 99.0 s,"
            " 90.0 s without learning.",
        ),
        (
            Learned(LEARNED_MS, 50, Check(trips=80, cold_mae_s=90, mae_s=99, fell_back=True)),
            "Back to what was learned before them on 18 Nov: the 80 trips of the days before were off by 99.0 s,"
            " 90.0 s without learning.",
        ),
    ],
)
def test_what_arrival_times_rest_on_is_a_sentence(learned, text):
    found = Report(MONDAY, MONDAY, "Europe/Lisbon", measure([]), {}, learned)

    assert words.learned(found) == text
