"""The languages of the pages. English stands in the templates and scripts themselves; `static/words/<language>.json`
maps each of these texts to another language, for the templates here and for the scripts (static/js/words.js).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import msgspec

from web.assets import FOLDER

# Each by its own name: whoever cannot read a page must still find theirs.
LANGUAGES = {"en": "English", "de": "Deutsch", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar"})
DEFAULT = "en"

# A text, or its plural forms by the categories of CLDR: these are for the scripts alone.
Catalogue = Mapping[str, str | dict[str, str]]


@cache
def catalogue(language: str) -> Catalogue:
    """Every known text of a language by its English words; empty for English."""
    if language == DEFAULT:
        return {}
    return msgspec.json.decode(
        (FOLDER / "words" / f"{language}.json").read_bytes(), type=dict[str, str | dict[str, str]]
    )


def translator(language: str) -> Callable[[str], str]:
    """From an English text to the same in the language; a text that nobody translated stays as it is."""
    words = catalogue(language)

    def translate(text: str) -> str:
        found = words.get(text, text)
        return found if isinstance(found, str) else found["other"]

    return translate


def choose_language(*, chosen: str | None, accepted: str) -> str:
    """What the person chose in their profile, else the best of an `Accept-Language` header, else English."""
    if chosen and (language := _ours(chosen)):
        return language
    wishes = sorted((_wish(part) for part in accepted.split(",")[:20]), key=lambda wish: -wish[0])
    return next((language for quality, tag in wishes if quality > 0 and (language := _ours(tag))), DEFAULT)


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
