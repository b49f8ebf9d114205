"""Public holidays of a country as rows of the list `holidays`, from the `holidays` package.

Enroute knows one list of holidays for the whole installation, by date; nobody works on these days, except where a
technician has extra time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

import holidays

from web.import_entries import Entries, Place

FIRST_YEAR, LAST_YEAR = 2000, 2100
MAX_YEARS = 20


class UnknownCalendar(ValueError):
    """No such country, subdivision or span of years; the sentence says what there is."""


def years_of(text: str) -> range:
    """`2026` or `2026-2028`. Raises UnknownCalendar."""
    match = re.fullmatch(r"(\d{4})(?:\s*-\s*(\d{4}))?", text.strip())
    if match is None:
        raise UnknownCalendar(f"{text!r} is no year and no span of years such as 2026-2028.")
    years = range(int(match[1]), int(match[2] or match[1]) + 1)
    if not years or len(years) > MAX_YEARS or years[0] < FIRST_YEAR or years[-1] > LAST_YEAR:
        raise UnknownCalendar(f"{text}: at most {MAX_YEARS} years, in order, between {FIRST_YEAR} and {LAST_YEAR}.")
    return years


def country_holidays(code: str, years: Iterable[int]) -> list[dict[str, str]]:
    """Rows of days off for everybody, by date, named in the country's own language.

    `code` is a country of ISO 3166 (`PT`), or one of its subdivisions (`DE-BY`). Raises UnknownCalendar.
    """
    country, _, subdivision = code.strip().upper().partition("-")
    supported = holidays.list_supported_countries()
    if country not in supported:
        raise UnknownCalendar(f"{code!r}: no holidays are known for {country!r}; a country is two letters, such as PT.")
    if subdivision and subdivision not in supported[country]:
        known = ", ".join(supported[country]) or "none"
        near = get_close_matches(subdivision, supported[country], n=1)
        meant = f" Did you mean {country}-{near[0]}?" if near else ""
        raise UnknownCalendar(f"{code!r}: {country} has no subdivision {subdivision!r}; known are {known}.{meant}")
    # The language by name: left to itself the package takes that of the machine it runs on.
    language = getattr(holidays, country).default_language
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=years, language=language)
    return [{"date": day.isoformat(), "name": name[:200]} for day, name in sorted(found.items())]


def add_holidays(entries: Entries, codes: Iterable[str], years: Iterable[int]) -> None:
    """What a file says of a day counts more, and the calendar named first. Raises UnknownCalendar."""
    years = list(years)
    dates = {entry.data.get("date") for entry in entries.lists["holidays"] if isinstance(entry.data, dict)}
    for code in codes:
        for row in country_holidays(code, years):
            if row["date"] not in dates:
                dates.add(row["date"])
                entries.add("holidays", Place(f"holidays of {code}", path=row["date"]), row)
