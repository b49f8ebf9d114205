"""What people read about a day without slots."""

from __future__ import annotations

import datetime
from typing import get_args

import pytest

from slots.explanation import DayExplanation, TechnicianDay, TechnicianReason
from slots.model import EmptyReason
from web.empty_days import KIND_WORDS, NAMED, empty_day_json, explanation_json, explanation_text, technician_text

TUESDAY = datetime.date(2026, 11, 24)


def technician(name: str, reason: TechnicianReason, **facts) -> TechnicianDay:
    return TechnicianDay(technician_id=name.lower(), name=name, reason=reason, **({"works_on_weekday": True} | facts))


def day(reason: EmptyReason | None, *technicians: TechnicianDay, **facts) -> DayExplanation:
    values = {"date": TUESDAY, "skill": "boiler"} | facts
    return DayExplanation(reason=reason, technicians=technicians, **values)


def test_every_reason_has_one_kind_sentence_or_two_for_the_customer():
    assert set(KIND_WORDS) == set(get_args(EmptyReason))
    for sentence in KIND_WORDS.values():
        assert sentence.endswith(".")
        assert len(sentence) <= 100


def test_a_day_with_slots_says_nothing_to_the_customer():
    assert empty_day_json(None) is None
    assert explanation_text(day(None, slots=1)) == "1 time can be booked."


def test_every_reason_of_a_technician_has_its_words():
    for reason in get_args(TechnicianReason):
        text = technician_text(technician("Ana", reason), day("full", holiday="Natal"))
        assert text.startswith("Ana")
        assert not text.endswith(".")


@pytest.mark.parametrize(
    ("explanation", "text"),
    [
        (day("past"), "The day is over."),
        (day("too_soon"), "Nearer than the minimum lead time."),
        (day("too_far_ahead"), "Further ahead than the maximum lead time."),
        (
            day("not_offered", without_skill=3),
            "No active technician with the skill boiler. 3 others work here.",
        ),
        (
            day("closed", technician("Ana", "no_shift", works_on_weekday=False)),
            "No technician with the skill boiler works on Tuesdays.",
        ),
        (
            day(
                "closed",
                technician("Ana", "no_shift", works_on_weekday=False),
                technician("Eva", "beyond_radius", distance_m=80_400.0, radius_m=60_000.0),
            ),
            "No technician with the skill boiler who can come to this site works on Tuesdays.",
        ),
        (day("holiday", technician("Ana", "holiday"), holiday="Natal"), "Holiday: Natal."),
        (
            day("outside_area", technician("Ana", "outside_territory"), technician("Gil", "inactive")),
            "The site lies outside the territories of every technician with the skill boiler.",
        ),
        (
            day("outside_area", technician("Ana", "outside_territory"), place_unknown=True),
            "The site lies outside the territories of every technician with the skill boiler."
            " Its coordinates are unknown, so nobody can say which it lies in.",
        ),
        (
            day(
                "full",
                technician("Ana", "time_off"),
                technician("Rui", "full", visits=6),
                technician("Eva", "beyond_radius", distance_m=80_400.0, radius_m=60_000.0),
            ),
            "3 technicians with the skill boiler: Ana has time off; Rui's day is full (6 visits);"
            " Eva lives 80 km away (radius 60 km).",
        ),
        (
            day("full", technician("Rui", "no_time_to_drive", visits=1), skill=None),
            "1 technician at all: Rui has gaps around 1 visit, but no time to drive there and on.",
        ),
    ],
)
def test_the_dispatcher_is_told_in_full(explanation: DayExplanation, text: str):
    assert explanation_text(explanation) == text


def test_of_many_technicians_some_are_named_and_all_are_counted():
    crowd = [technician(f"T{number}", "full") for number in range(NAMED + 5)]

    told = explanation_json(day("full", *crowd, technician("Z", "time_off")))

    assert "; and 6 more. In all: 17 full, 1 time off." in told.text
    assert len(told.technicians) == NAMED + 6
