"""The languages of the pages: which one a person gets, and that nothing is left in English for the others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from slots import errors
from tests.servers import EnrouteServer
from web.assets import FOLDER
from web.config import Settings
from web.empty_days import KIND_WORDS
from web.languages import (
    ENGLISH,
    LANGUAGES,
    LETTERS,
    asked_locale,
    catalogue,
    choose_language,
    decimal,
    plural_category,
    translator,
)
from web.problems import PROBLEMS

OTHERS = [language for language in LANGUAGES if language != "en"]
TEXT = re.compile(r'\b(?:_|later)\(\s*"((?:[^"\\]|\\.)*)"')
LETTER_TEXT = re.compile(r'\b(?:_|say|later)\(\s*"((?:[^"\\]|\\.)*)"')
PLACES = re.compile(r"\{\w+\}")
# What only operators and programs meet.
UNSPOKEN = re.compile("^(import_|extract_|roads_|recording_|invalid_setup|idempotency_)")
CATEGORIES = {"de": {"one", "other"}, "ar": {"zero", "one", "two", "few", "many", "other"}}


def texts_of_the_pages() -> set[str]:
    files = [*(FOLDER / "js").rglob("*.js"), *(FOLDER / "pages").glob("*.html")]
    return {text for path in files for text in TEXT.findall(path.read_text())}


def texts_of_the_server() -> set[str]:
    filled_here = [
        path for path in (FOLDER.parent / "web").glob("*.py") if path.name.startswith(("arrivals", "setup_page"))
    ]
    texts = {text for path in filled_here for text in LETTER_TEXT.findall(path.read_text())}
    titles = {title for code, (_, title) in PROBLEMS.items() if not UNSPOKEN.match(code)}
    return titles | texts | set(KIND_WORDS.values()) | set(ENGLISH)


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_the_pages_is_translated(language: str) -> None:
    assert sorted((texts_of_the_pages() | texts_of_the_server()) - set(catalogue(language))) == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_of_a_text_that_is_gone(language: str) -> None:
    sources = [Path(errors.__file__), *(FOLDER.parent / "web").rglob("*.py")]
    spoken = "".join(path.read_text() for path in sources)

    gone = set(catalogue(language)) - texts_of_the_pages() - texts_of_the_server()

    assert sorted(text for text in gone if f'"{text}"' not in spoken) == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_texts_of_the_messages_are_translated_all_and_nothing_else(language: str) -> None:
    sources = [LETTERS.parent / name for name in ("message_text.py", "message_times.py")]
    texts = {text for path in sources for text in LETTER_TEXT.findall(path.read_text())}

    words = json.loads((LETTERS / f"{language}.json").read_text())

    assert len(texts) > 50
    assert sorted(set(words) ^ texts) == []
    assert [text for text, said in words.items() if sorted(PLACES.findall(text)) != sorted(PLACES.findall(said))] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_names_the_same_values_as_the_text(language: str) -> None:
    def values(text: str) -> set[str]:
        return set(re.findall(r"\{\w+\}", text))

    wrong = [
        text
        for text, found in catalogue(language).items()
        for form in ([found] if isinstance(found, str) else found.values())
        if not values(form) <= values(text) or (isinstance(found, str) and values(form) != values(text))
    ]

    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_plurals_have_all_forms_of_their_language(language: str) -> None:
    forms = [set(found) for found in catalogue(language).values() if not isinstance(found, str)]

    assert forms != []
    assert all(each == CATEGORIES[language] for each in forms)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR,fr;q=0.9,de;q=0.5,en;q=0.4", "de"),
        ("en;q=0.2, ar-EG", "ar"),
        ("de;q=0, *", "en"),
        ("de;q=nan, en;q=0.1", "en"),
        ("", "en"),
        (";;;,q=1,de;q=much", "en"),
    ],
)
def test_the_browser_s_best_wish_that_we_speak_is_taken(accepted: str, language: str) -> None:
    assert choose_language(chosen=None, accepted=accepted) == language


def test_what_a_person_chose_wins_over_the_browser() -> None:
    assert choose_language(chosen="de-CH", accepted="ar") == "de"
    assert choose_language(chosen="fr", accepted="ar") == "ar"


def test_where_nobody_asks_for_a_language_of_ours_the_installation_s_is_spoken() -> None:
    assert choose_language(chosen="fr", accepted="pt", otherwise="de") == "de"
    assert set(get_args(get_type_hints(Settings)["language"])) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("fr, en-US;q=0.9, en;q=0.8", "en-US"),
        ("de", "de"),
        ("fr", None),
        ("", None),
        ("de-\r\nX, ar-EG;q=0.1", "ar-EG"),
    ],
)
def test_the_locale_of_a_browser_is_its_best_tag_that_we_speak(accepted: str, locale: str | None) -> None:
    assert asked_locale(accepted) == locale


def test_a_text_that_nobody_translated_stays_as_it_is() -> None:
    assert translator("de")("Sewing machine") == "Sewing machine"


def test_values_stand_where_the_language_wants_them() -> None:
    assert translator("de")("{service} with {name}", service="{Wartung}", name="Ana") == "{Wartung} mit Ana"
    assert decimal(1234.56, 1, translator("de")) == "1234,6"
    assert decimal(1234.56, 1, translator("en")) == "1234.6"


@pytest.mark.parametrize(
    ("language", "counts", "category"),
    [
        ("en", (1,), "one"),
        ("de", (0, 2, 101), "other"),
        ("ar", (0,), "zero"),
        ("ar", (1,), "one"),
        ("ar", (2,), "two"),
        ("ar", (3, 10, 103, 1010), "few"),
        ("ar", (11, 99, 111, 1099), "many"),
        ("ar", (100, 101, 102, 1000), "other"),
        ("ar", (None, "3.4"), "other"),
    ],
)
def test_a_count_has_the_plural_form_of_the_language(language: str, counts: tuple[object, ...], category: str) -> None:
    assert {plural_category(language, count) for count in counts} == {category}


@pytest.mark.parametrize(("language", "head"), [("de", 'lang="de" dir="ltr"'), ("ar", 'lang="ar" dir="rtl"')])
async def test_a_page_says_its_language_and_its_direction(server: EnrouteServer, language: str, head: str) -> None:
    async with server.client(headers={"Accept-Language": language}) as stranger:
        answer = await stranger.get("/sign-in")

    assert head in answer.text
    assert answer.headers["content-language"] == language
    assert translator(language)("Welcome back") in answer.text


async def test_the_language_of_the_profile_counts_from_the_next_page_on(server: EnrouteServer) -> None:
    async with server.signed_in("rui@acme.example") as customer:
        await customer.put("/api/profile", json={"name": "Rui", "locale": "de"})
        chosen = await customer.get("/", headers={"Accept-Language": "en"})
        await customer.put("/api/profile", json={"name": "Rui"})
        left = await customer.get("/", headers={"Accept-Language": "en"})

    assert 'lang="de"' in chosen.text
    assert 'lang="en"' in left.text
