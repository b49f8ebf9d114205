import datetime

import pytest

from slots.notices import NoticeKind
from web.languages import LANGUAGES
from web.message_text import KINDS, Facts, window_words, write_letter

INVISIBLE = str.maketrans("", "", "\u2066\u2067\u2068\u2069\u200f")
GREETINGS = {"en": "Hello Rui,", "de": "Guten Tag Rui,", "ar": "مرحبًا Rui،"}
PHONE = {"en": "Phone: +351 200", "de": "Telefon: +351 200", "ar": "الهاتف: +351 200"}


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


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_letter_greets_says_something_and_is_signed(kind, language):
    letter = write_letter(kind, facts(language=language, contact_phone="+351 200"))

    text = letter.text.translate(INVISIBLE)
    assert letter.language == language
    assert text.startswith(f"{GREETINGS[language]}\n\n")
    assert text.endswith(f"Enroute\n{PHONE[language]}\n")
    assert "\nhttps://visits.example/x\n" in letter.text
    assert "None" not in text + letter.subject
    assert "{" not in text + letter.subject


@pytest.mark.parametrize("offer_again", [False, True])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_line_of_a_letter_is_left_in_english(kind, offer_again):
    told = {"cancel_reason": "Regen", "offer_again": offer_again, "eta_low_s": 0, "eta_high_s": 600}

    letters = [write_letter(kind, facts(language=language, **told)) for language in ("en", "de")]

    english, german = ({letter.subject, *letter.text.splitlines()} for letter in letters)
    assert english & german == {"", "https://visits.example/x", "Enroute"}


def test_the_window_is_told_in_the_words_and_hours_of_the_reader():
    words = {
        "de": "Mittwoch, 25. November 2026, 09:00 bis 11:00 (Europe/Berlin)",
        "ar": "الأربعاء، 25 نوفمبر 2026، من 9:00 ص إلى 11:00 ص (Europe/Berlin)",
        "en": "Wednesday, 25 November 2026, 9:00 am to 11:00 am (Europe/Berlin)",
    }

    told = {
        language: window_words(facts(language=language, by_12_hours=language != "de")).translate(INVISIBLE)
        for language in words
    }

    assert told == words


def test_a_text_from_right_to_left_begins_every_line_there_and_isolates_what_others_wrote():
    letter = write_letter("on_the_way", facts(language="ar"))

    lines = [line for line in letter.text.splitlines() if line and "://" not in line]
    assert {line[0] for line in lines} == {"\u200f"}
    assert letter.subject == "\u2068Ana\u2069 في الطريق"


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
