import datetime

import pytest

from slots.notices import NoticeKind
from web.message_text import KINDS, Facts, window_words, write_letter


def facts(**changes):
    start_s = int(datetime.datetime(2026, 11, 25, 8, tzinfo=datetime.UTC).timestamp())
    values = {
        "brand": "Enroute",
        "base_url": "https://visits.example",
        "name": "Rui",
        "url": "https://visits.example/x",
        "service": "Boiler check",
        "address": "Rua das Flores 1",
        "technician": "Ana",
        "time_zone": "Europe/Berlin",
        "window_start_s": start_s,
        "window_end_s": start_s + 7200,
    }
    return Facts(**values | changes)


def test_there_are_words_for_every_kind_of_notice():
    assert set(NoticeKind.__args__) == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_letter_greets_says_something_and_is_signed(kind):
    letter = write_letter(kind, facts(contact_phone="+351 200"))

    assert letter.text.startswith("Hello Rui,\n\n")
    assert letter.text.endswith("Enroute\nPhone: +351 200\n")
    assert "https://visits.example/x" in letter.text
    assert "None" not in letter.text + letter.subject


def test_the_window_is_told_in_the_zone_of_the_site():
    assert window_words(facts()) == "Wednesday, 25 November 2026, 09:00 to 11:00 (Europe/Berlin)"


def test_a_window_over_the_repeated_hour_names_both_offsets():
    start_s = int(datetime.datetime(2026, 10, 25, 0, tzinfo=datetime.UTC).timestamp())

    words = window_words(facts(window_start_s=start_s, window_end_s=start_s + 7200))

    assert words == "Sunday, 25 October 2026, 02:00 CEST to 03:00 CET (Europe/Berlin)"


def test_a_short_window_inside_the_repeated_hour_says_which_of_both_it_is():
    first_s = int(datetime.datetime(2026, 10, 25, 0, tzinfo=datetime.UTC).timestamp())

    words = [window_words(facts(window_start_s=at, window_end_s=at + 1800)) for at in (first_s, first_s + 3600)]

    assert words == [
        "Sunday, 25 October 2026, 02:00 CEST to 02:30 CEST (Europe/Berlin)",
        "Sunday, 25 October 2026, 02:00 CET to 02:30 CET (Europe/Berlin)",
    ]


def test_a_line_break_in_a_name_cannot_become_a_header():
    letter = write_letter("on_the_way", facts(technician="Ana\r\nBcc: all@example.com"))

    assert "\n" not in letter.subject


def test_a_letter_without_a_link_leaves_its_sentence_out():
    letter = write_letter("completed", facts(url=None))

    assert "Tell us" not in letter.text


def test_the_arrival_is_told_as_a_range_of_clock_times():
    start_s = facts().window_start_s

    letter = write_letter("on_the_way", facts(eta_low_s=start_s, eta_high_s=start_s + 600))

    assert "between 09:00 and 09:10" in letter.text


def test_the_text_of_a_letter_stays_out_of_logs():
    assert "visits.example" not in repr(write_letter("invitation", facts()))
