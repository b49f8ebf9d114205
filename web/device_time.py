"""When something happened by the clock of the person's device: it may reach us much later."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

# ISO 8601 with an offset, or milliseconds since 1970 as in position fixes.
DeviceTime = Annotated[datetime, Meta(tz=True)] | Annotated[int, Meta(ge=0, le=253_402_300_799_999)]


def seconds_of(at: DeviceTime | None) -> int | None:
    """Whole seconds since 1970."""
    if at is None:
        return None
    return int(at.timestamp()) if isinstance(at, datetime) else at // 1000
