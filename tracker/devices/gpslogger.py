"""GPSLogger for Android, "Log to custom URL": the user writes the URL and body himself, from placeholders.

https://gpslogger.app/#usingthecustomurlfeature lists them. ``%ALL`` stands for lat, lon, alt, acc, dir, prov,
spd, timestamp (seconds), time (ISO 8601), batt (percent) and more under those names; spd is in m/s. As people
choose their own names, the common ones are read too. What the receiver does not know, Android gives as 0.
"""

from __future__ import annotations

from typing import Any

from tracker.devices.report import MALFORMED, DeviceReport, DeviceRequest
from tracker.devices.tokens import authorization_token
from tracker.devices.values import (
    form_body,
    heading_if_moving_deg,
    json_body,
    not_negative,
    number,
    percentage,
    positive,
    timestamp_as_ms,
)
from tracker.errors import DeviceDataError
from tracker.messages import Fix

REPLY = b"OK"
REPLY_TYPE = "text/plain"


def read(request: DeviceRequest) -> DeviceReport:
    """One fix from query, form or JSON; the token by Authorization or as the query's ``token``."""
    fields: dict[str, Any] = {name.lower(): value for name, value in request.query.items()}
    if request.body.lstrip()[:1] == b"{":
        fields |= {str(name).lower(): value for name, value in json_body(request.body).items()}
    elif request.body:
        fields |= {name.lower(): value for name, value in form_body(request.body).items()}
    if not fields:
        raise DeviceDataError("neither the query nor the body has any field")
    report = DeviceReport(
        token=authorization_token(request.headers) or request.query.get("token") or None,
        reply=REPLY,
        reply_type=REPLY_TYPE,
    )
    report.add(0, _fix(fields))
    return report


def _fix(fields: dict[str, Any]) -> Fix | str:
    fixed_at = timestamp_as_ms(_first(fields, "timestamp", "time"))
    lat = number(_first(fields, "lat", "latitude"))
    lon = number(_first(fields, "lon", "long", "lng", "longitude"))
    if fixed_at is None or lat is None or lon is None:
        return MALFORMED
    speed_mps = not_negative(_first(fields, "spd", "speed"))
    if speed_mps == 0 and fields.get("prov") == "network":
        # Masts and access points tell no speed.
        speed_mps = None
    return Fix(
        fixed_at=fixed_at,
        lat=lat,
        lon=lon,
        accuracy_m=positive(_first(fields, "acc", "accuracy")),
        speed_mps=speed_mps,
        heading_deg=heading_if_moving_deg(_first(fields, "dir", "bearing", "heading"), speed=speed_mps),
        altitude_m=number(_first(fields, "alt", "altitude")),
        battery=percentage(_first(fields, "batt", "battery")),
    )


def _first(fields: dict[str, Any], *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)
