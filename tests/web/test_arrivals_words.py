import datetime

import pytest

from tests.web.ledgers import WEEK, visit
from tracker.accuracy import Accuracy, measure
from tracker.calibration import Check
from web import arrivals_words as words
from web.arrivals import Learned, Report
from web.languages import LANGUAGES, translator

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
        (Learned(LEARNED_MS, 0), "On 18 Nov there was nothing to learn from."),
        (Learned(LEARNED_MS, 1), "Learned on 18 Nov from 1 trip."),
        (Learned(LEARNED_MS, 312), "Learned on 18 Nov from 312 trips."),
        (
            Learned(LEARNED_MS, 0, Check(trips=80, cold_mae_s=90, mae_s=99, fell_back=True)),
            "Set back on 18 Nov to the start without learning. The 80 trips of the days before were off by 99.0 s,"
            " 90.0 s without learning.",
        ),
        (
            Learned(LEARNED_MS, 50, Check(trips=80, cold_mae_s=90, mae_s=99, fell_back=True)),
            "Set back on 18 Nov to what was learned before. The 80 trips of the days before were off by 99.0 s,"
            " 90.0 s without learning.",
        ),
    ],
)
def test_what_arrival_times_rest_on_is_a_sentence(learned, text):
    found = Report(MONDAY, MONDAY, "Europe/Lisbon", measure([]), {}, learned)

    assert words.learned(found) == text


arabic = translator("ar")


def german(text: str, **values: object) -> str:
    """What keeps a number and its unit on one line is not seen."""
    return translator("de")(text, **values).replace("\N{NO-BREAK SPACE}", " ")


def test_in_german_figures_have_their_comma_and_days_their_names():
    assert words.headline(report(WEEK[:8]), german) == (
        "Letzte 7 Tage: 4 Termine. 15 Minuten vorher lagen wir im Mittel um 75 s daneben; die Spanne stimmte in 75 %"
        " der Fälle."
    )
    assert words.headline(report(visit("1", "2026-11-23T09:00"), days=1), german).startswith("Mo, 23. Nov.: 1 Termin. ")
    assert words.headline(report([]), german) == "Letzte 7 Tage: noch keine Ankünfte."
    assert words.length(205, german) == "3,4 Min."
    assert words.span_words(report([], days=400), german) == "20. Okt. 2025 bis 23. Nov. 2026"


def test_in_german_it_is_told_what_arrival_times_rest_on():
    found = Learned(LEARNED_MS, 312, Check(trips=80, cold_mae_s=95.31, mae_s=92.14))

    assert words.learned(Report(MONDAY, MONDAY, "Europe/Lisbon", measure([]), {}, found), german) == (
        "Gelernt am 18. Nov. aus 312 Fahrten. An den Tagen davor (80 Fahrten) lagen wir um 92,1 s daneben, ohne"
        " Gelerntes um 95,3 s."
    )


@pytest.mark.parametrize(
    ("visits", "said"), [(1, "زيارة واحدة"), (2, "زيارتان"), (3, "3 زيارات"), (11, "11 زيارة"), (100, "100 زيارة")]
)
def test_in_arabic_visits_are_counted_in_their_forms(visits: int, said: str):
    rows = [row for number in range(visits) for row in visit(str(number), "2026-11-23T09:00")]

    assert words.headline(report(rows, days=28), arabic).startswith(f"آخر 28 يومًا: {said}. ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_and_month_has_a_short_name(language: str):
    say = translator(language)
    year = [datetime.date(2026, 1, 1) + datetime.timedelta(days=number) for number in range(365)]

    assert (len(say(words.WEEKDAYS).split()), len(say(words.MONTHS).split())) == (7, 12)
    assert len({words.day_words(day, say) for day in year}) == 365
