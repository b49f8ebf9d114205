"""One request of a phone, and what was read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracker.errors import DeviceDataError
from tracker.messages import Fix

MAX_REFUSED = 10_000
"""Unreadable fixes of one report that are named one by one; each costs ten times what a good one does."""

MALFORMED = "malformed"
"""Reason of a fix whose required values are missing or unreadable."""

NO_FIX = "no_fix"
"""Reason of a position which the phone itself marks as not valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """The parts of an HTTP request that a protocol may look at. Header names are lowercase."""

    query: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: bytes = b""
    received_at: int | None = None
    """Our clock, ms since 1970. Only protocols that allow a report without a time fall back on it."""


@dataclass(slots=True, kw_only=True)
class DeviceReport:
    """The fixes of one request in the order they were sent.

    ``rejected`` names the unreadable ones by their place in the report; ``fix_places[i]`` is the place of
    ``fixes[i]``. ``token`` is the identity in the protocol's own way, None when the request carries none;
    it is a secret. ``reply`` and ``reply_type`` are what the app wants to hear.
    """

    fixes: list[Fix] = field(default_factory=list)
    fix_places: list[int] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    token: str | None = None
    reply: bytes = b""
    reply_type: str = "text/plain"

    def add(self, place: int, read: Fix | str) -> None:
        """Take a fix, or the reason why there is none. Raises DeviceDataError after ``MAX_REFUSED`` of those."""
        if isinstance(read, str):
            if len(self.rejected) >= MAX_REFUSED:
                raise DeviceDataError(f"more than {MAX_REFUSED} fixes of the report cannot be read")
            self.rejected.append((place, read))
        else:
            self.fixes.append(read)
            self.fix_places.append(place)
