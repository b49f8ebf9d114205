"""Values as phones write them: numbers that may be text, -1 for unknown, percent, five spellings of time.

Every reading returns None for what is absent or makes no sense, never 0: one bad battery level must not
cost the fix.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tracker.errors import DeviceDataError

KNOT_MPS = 1852 / 3600
KMH_MPS = 1000 / 3600

LAST_SECONDS = 2**31 - 1
"""Up to here a bare number is seconds, above it milliseconds (in 1970, such milliseconds are 24 days)."""

MAX_FIELDS = 100
"""More fields in a form than any app sends; the limit keeps a hostile form cheap."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LARGEST_MS = 2**53
_json = msgspec.json.Decoder()


def json_body(body: bytes) -> Any:
    """The JSON value of a body. Raises DeviceDataError."""
    try:
        return _json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceDataError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise DeviceDataError("the JSON is nested too deeply") from None


def form_body(body: bytes) -> dict[str, str]:
    """The fields of a URL-encoded body; of a repeated field the last one. Raises DeviceDataError."""
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise DeviceDataError(f"the form cannot be read: {error}") from None


def number(value: object) -> float | None:
    """A finite number, also one written as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def not_negative(value: object) -> float | None:
    """A number from 0 up; phones write -1 for unknown."""
    read = number(value)
    return read if read is not None and read >= 0 else None


def positive(value: object) -> float | None:
    """A number above 0: no receiver is accurate to 0 m, so an accuracy of 0 means that none is known."""
    read = number(value)
    return read if read is not None and read > 0 else None


def heading_deg(value: object) -> float | None:
    """Degrees clockwise from north in [0, 360)."""
    read = number(value)
    return read % 360 if read is not None and 0 <= read <= 360 else None


def heading_if_moving_deg(value: object, *, speed: float | None) -> float | None:
    """A heading from an app that writes 0 for unknown: north counts only of a phone that moves."""
    read = heading_deg(value)
    return None if read == 0 and not speed else read


def scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def fraction(value: object) -> float | None:
    """A battery level of 0..1."""
    read = number(value)
    return read if read is not None and 0 <= read <= 1 else None


def percentage(value: object) -> float | None:
    """A battery level of 0..100, as 0..1."""
    read = number(value)
    return read / 100 if read is not None and 0 <= read <= 100 else None


def seconds_as_ms(value: object) -> int | None:
    """Seconds since 1970, possibly with a fraction, as ms."""
    read = number(value)
    return round(read * 1000) if read is not None and abs(read) * 1000 < _LARGEST_MS else None


def iso_as_ms(value: object) -> int | None:
    """ISO 8601 with ``T`` or a space, as ms since 1970; without an offset it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // _MILLISECOND


def timestamp_as_ms(value: object) -> int | None:
    """Seconds or ms since 1970 (told apart by size), or ISO 8601, as ms."""
    read = number(value)
    if read is None:
        return iso_as_ms(value)
    if read <= LAST_SECONDS:
        return seconds_as_ms(read)
    return round(read) if read < _LARGEST_MS else None
