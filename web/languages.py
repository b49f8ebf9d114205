"""The languages of the pages and of the messages. English stands in the templates, the scripts and web/message_text
themselves; `static/words/<language>.json` maps each text of the pages to another language, for the templates here and
for the scripts (static/js/words.js), `web/words/<language>.json` each text of the messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import msgspec

from web.assets import FOLDER

# Each by its own name: whoever cannot read a page must still find theirs.
LANGUAGES = {"en": "English", "de": "Deutsch", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar"})
DEFAULT = "en"
LETTERS = Path(__file__).resolve().parent / "words"

# A text, or its plural forms by the categories of CLDR; the value `count` chooses among them.
Catalogue = Mapping[str, str | dict[str, str]]

Say = Callable[..., str]
"""From an English text, and the values of its `{names}`, to the same in one language."""

ENGLISH: Catalogue = {
    "{count} trips": {"one": "{count} trip", "other": "{count} trips"},
    "{count} visits": {"one": "{count} visit", "other": "{count} visits"},
}
"""The plural forms of the texts that are said here; those of the scripts stand in static/js/words.js."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


@cache
def catalogue(language: str) -> Catalogue:
    """Every known text of a language by its English words; of English the plural forms alone."""
    if language == DEFAULT:
        return ENGLISH
    return msgspec.json.decode(
        (FOLDER / "words" / f"{language}.json").read_bytes(), type=dict[str, str | dict[str, str]]
    )


def translator(language: str) -> Say:
    """Says the texts of the pages in the language; a text that nobody translated stays as it is."""
    words = catalogue(language)

    def say(text: str, **values: object) -> str:
        found = words.get(text, text)
        if not isinstance(found, str):
            found = found[plural_category(language, values.get("count"))]
        return found.format(**values) if values else found

    return say


def plural_category(language: str, count: object) -> str:
    """What CLDR calls the plural form of our languages for a whole number; "other" for anything else."""
    if not isinstance(count, int):
        return "other"
    if language != "ar":
        return "one" if count == 1 else "other"
    if count <= 2:
        return ("zero", "one", "two")[count]
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if count % 100 > 10 else "other"


def later(text: str) -> str:
    """A text that is said later."""
    return text


@cache
def letter_translator(language: str) -> Callable[[str], str]:
    """The same for a text of the messages."""
    if language == DEFAULT:
        return lambda text: text
    words = msgspec.json.decode((LETTERS / f"{language}.json").read_bytes(), type=dict[str, str])
    return lambda text: words.get(text, text)


def choose_language(*, chosen: str | None, accepted: str, otherwise: str = DEFAULT) -> str:
    """What the person chose in their profile, else the best of an `Accept-Language` header, else that of the
    installation."""
    if chosen and (language := _ours(chosen)):
        return language
    return _ours(asked_locale(accepted) or "") or otherwise


def asked_locale(accepted: str) -> str | None:
    """The tag of an `Accept-Language` header that is wanted most, like `de-AT`, among those we speak; None without."""
    wishes = sorted((_wish(part) for part in accepted.split(",")[:20]), key=lambda wish: -wish[0])
    tags = (tag.strip() for quality, tag in wishes if quality > 0 and _ours(tag))
    return next((tag for tag in tags if _TAG.fullmatch(tag)), None)


def direction(language: str) -> str:
    """`rtl` or `ltr`, for the page's `dir`."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def _ours(tag: str) -> str | None:
    """The language of ours that a tag like `de-AT` asks for."""
    primary = tag.strip().lower().partition("-")[0]
    return primary if primary in LANGUAGES else None


def _wish(part: str) -> tuple[float, str]:
    tag, _, rest = part.partition(";")
    name, _, value = rest.partition("=")
    try:
        quality = float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        quality = 0.0
    # A wish that is no number (`nan` among them) wishes nothing.
    return (quality if 0 <= quality <= 1 else 0.0), tag


def decimal(value: float, digits: int, say: Say) -> str:
    """`3.4`, or `3,4` where people write a comma; at least one digit after it, and none for thousands."""
    whole, _, fraction = f"{value:.{digits}f}".partition(".")
    return say("{whole}.{fraction}", whole=whole, fraction=fraction)


english: Say = translator(DEFAULT)
