"""The operator's words about messages: which kinds are not sent, when nobody is disturbed. Pure."""

from __future__ import annotations

import re

from slots.notices import SWITCHABLE_KINDS

NO_QUIET_HOURS = "off"
_HOURS = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")


def read_muted(text: str) -> frozenset[str]:
    """`reminder, running_late`. Raises ValueError for what is no kind that can be switched off."""
    kinds = frozenset(word.strip() for word in text.split(",")) - {""}
    unknown = sorted(kinds - set(SWITCHABLE_KINDS))
    if unknown:
        raise ValueError(
            f"{', '.join(map(repr, unknown))} cannot be switched off. The kinds are {', '.join(SWITCHABLE_KINDS)}."
        )
    return kinds


def read_quiet_hours(text: str) -> tuple[int, int]:
    """`21-8` or `21:30-7:15`: minutes of the site's day, from and to; twice the same where no hours are quiet.

    Raises ValueError.
    """
    if text.lower() == NO_QUIET_HOURS:
        return 0, 0
    match = _HOURS.fullmatch(text.replace(" ", ""))
    if match is not None:
        from_h, from_min, to_h, to_min = (int(number or 0) for number in match.groups())
        bounds = from_h * 60 + from_min, to_h * 60 + to_min
        if max(from_h, to_h) < 24 and max(from_min, to_min) < 60 and bounds[0] != bounds[1]:
            return bounds
    raise ValueError(f"it must look like 21-8 or 21:30-7:15, or be {NO_QUIET_HOURS!r}.")
