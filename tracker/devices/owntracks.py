"""OwnTracks in HTTP mode: one JSON object per POST, its kind in ``_type``.

Fields and units: https://owntracks.org/booklet/tech/json/ (``tst`` seconds, ``vel`` km/h, ``batt`` percent,
``acc`` and ``alt`` metres, ``cog`` degrees; acc, alt, cog and vel are left out when they are 0). The answer,
a list of messages for the phone, and basic authentication: https://owntracks.org/booklet/tech/http/.
"""

from __future__ import annotations

from typing import Any

from tracker.devices.report import MALFORMED, DeviceReport, DeviceRequest
from tracker.devices.tokens import authorization_token
from tracker.devices.values import (
    KMH_MPS,
    heading_deg,
    json_body,
    not_negative,
    number,
    percentage,
    positive,
    scaled,
    seconds_as_ms,
)
from tracker.errors import DeviceDataError
from tracker.messages import Fix

REPLY = b"[]"
REPLY_TYPE = "application/json"


def read(request: DeviceRequest) -> DeviceReport:
    """A ``location`` is a fix; any other kind (transition, waypoint, lwt, card) is taken and ignored.

    An ``encrypted`` message is ignored too: its key never leaves the phones of the user's friends.
    """
    body = json_body(request.body)
    messages = body if isinstance(body, list) else [body]
    if not all(isinstance(message, dict) and "_type" in message for message in messages):
        raise DeviceDataError("an OwnTracks message is an object with a `_type`")
    report = DeviceReport(
        token=authorization_token(request.headers),
        reply=REPLY,
        reply_type=REPLY_TYPE,
    )
    for place, message in enumerate(messages):
        if message["_type"] == "location":
            report.add(place, _fix(message))
    return report


def _fix(message: dict[str, Any]) -> Fix | str:
    fixed_at = seconds_as_ms(message.get("tst"))
    lat, lon = number(message.get("lat")), number(message.get("lon"))
    if fixed_at is None or lat is None or lon is None:
        return MALFORMED
    return Fix(
        fixed_at=fixed_at,
        lat=lat,
        lon=lon,
        accuracy_m=positive(message.get("acc")),
        speed_mps=scaled(not_negative(message.get("vel")), KMH_MPS),
        heading_deg=heading_deg(message.get("cog")),
        altitude_m=number(message.get("alt")),
        battery=percentage(message.get("batt")),
    )
