"""Overland (iOS, Android): GeoJSON points in batches.

https://github.com/aaronpk/Overland-iOS#api: ``locations`` holds Features with ``timestamp`` in ISO 8601,
``speed`` in m/s, ``horizontal_accuracy`` and ``altitude`` in metres, ``battery_level`` of 0..1 and, in newer
versions, ``course`` in degrees; -1 is unknown. ``current`` is the newest position while an older batch is
sent. The app deletes a batch only when it hears ``{"result":"ok"}``.
"""

from __future__ import annotations

from typing import Any

from tracker.devices.report import MALFORMED, DeviceReport, DeviceRequest
from tracker.devices.tokens import authorization_token
from tracker.devices.values import (
    fraction,
    heading_deg,
    iso_as_ms,
    json_body,
    not_negative,
    number,
    positive,
)
from tracker.errors import DeviceDataError
from tracker.messages import Fix

REPLY = b'{"result":"ok"}'
REPLY_TYPE = "application/json"


def read(request: DeviceRequest) -> DeviceReport:
    """Every location of the batch, then ``current`` if there is one, placed behind them."""
    body = json_body(request.body)
    locations = body.get("locations") if isinstance(body, dict) else None
    if not isinstance(locations, list):
        raise DeviceDataError("an Overland report is an object with a list `locations`")
    report = DeviceReport(
        token=authorization_token(request.headers),
        reply=REPLY,
        reply_type=REPLY_TYPE,
    )
    current = body.get("current")
    for place, feature in enumerate([*locations, current] if current else locations):
        if not _is_event(feature):
            report.add(place, _fix(feature))
    return report


def _is_event(feature: Any) -> bool:
    """Tracking statistics, visits and trips share the list; their times are not those of a fix."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    return isinstance(properties, dict) and ("action" in properties or properties.get("type") == "trip")


def _fix(feature: Any) -> Fix | str:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(coordinates, list) or len(coordinates) < 2 or not isinstance(properties, dict):
        return MALFORMED
    fixed_at = iso_as_ms(properties.get("timestamp"))
    lon, lat = number(coordinates[0]), number(coordinates[1])
    if fixed_at is None or lat is None or lon is None:
        return MALFORMED
    return Fix(
        fixed_at=fixed_at,
        lat=lat,
        lon=lon,
        accuracy_m=positive(properties.get("horizontal_accuracy")),
        speed_mps=not_negative(properties.get("speed")),
        heading_deg=heading_deg(properties.get("course")),
        altitude_m=number(properties.get("altitude")),
        battery=fraction(properties.get("battery_level")),
    )
