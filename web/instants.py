"""Instants as the API says and reads them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(at_s: int) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
