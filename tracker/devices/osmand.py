"""The OsmAnd protocol as Traccar extended it, spoken by OsmAnd and by Traccar Client.

https://www.traccar.org/osmand/ describes both forms:

* query or form fields (OsmAnd, Traccar Client up to 8): ``id`` or ``deviceid``, ``lat``, ``lon`` or
  ``location=lat,lon``, ``timestamp`` (seconds, ms, ISO 8601 or ``yyyy-MM-dd HH:mm:ss``), ``speed`` in knots,
  ``bearing`` or ``heading``, ``altitude``, ``accuracy``, ``batt`` percent, ``valid``;
* JSON (Traccar Client from 9): ``location`` with an ISO ``timestamp``, ``coords`` in metres and m/s where -1
  is unknown, ``battery.level`` of 0..1, and ``device_id`` beside it. Its background location library can send
  a list of locations when it catches up.
"""

from __future__ import annotations

from typing import Any

from tracker.devices.report import MALFORMED, NO_FIX, DeviceReport, DeviceRequest
from tracker.devices.tokens import authorization_token
from tracker.devices.values import (
    KNOT_MPS,
    form_body,
    fraction,
    heading_deg,
    heading_if_moving_deg,
    iso_as_ms,
    json_body,
    not_negative,
    number,
    percentage,
    positive,
    scaled,
    timestamp_as_ms,
)
from tracker.errors import DeviceDataError
from tracker.messages import Fix

REPLY = b""
REPLY_TYPE = "text/plain"


def read(request: DeviceRequest) -> DeviceReport:
    """Read either form; the token is the device identifier unless an Authorization header brings one."""
    if request.body.lstrip()[:1] in (b"{", b"["):
        return _read_json(request)
    return _read_fields(request)


def _read_fields(request: DeviceRequest) -> DeviceReport:
    fields = {**form_body(request.body), **request.query}
    if not fields:
        raise DeviceDataError("neither the query nor the body has any field")
    report = _report(request, identifier=fields.get("id") or fields.get("deviceid"))
    if "lat" in fields or "lon" in fields or "location" in fields:
        report.add(0, _fix_of_fields(fields, received_at=request.received_at))
    # Without a position it is a report of cells, networks or an alarm: nothing to place on a map.
    return report


def _fix_of_fields(fields: dict[str, str], *, received_at: int | None) -> Fix | str:
    if fields.get("valid", "true").lower() in ("false", "0"):
        return NO_FIX
    lat_text, _, lon_text = fields.get("location", "").partition(",")
    lat, lon = number(fields.get("lat", lat_text)), number(fields.get("lon", lon_text))
    fixed_at = timestamp_as_ms(fields["timestamp"]) if fields.get("timestamp") else received_at
    if fixed_at is None or lat is None or lon is None:
        return MALFORMED
    speed_mps = scaled(not_negative(fields.get("speed")), KNOT_MPS)
    return Fix(
        fixed_at=fixed_at,
        lat=lat,
        lon=lon,
        accuracy_m=positive(fields.get("accuracy")),
        speed_mps=speed_mps,
        heading_deg=heading_if_moving_deg(fields.get("bearing", fields.get("heading")), speed=speed_mps),
        altitude_m=number(fields.get("altitude")),
        battery=percentage(fields.get("batt")),
    )


def _read_json(request: DeviceRequest) -> DeviceReport:
    body = json_body(request.body)
    if not isinstance(body, dict) or not body.keys() & {"location", "device_id"}:
        raise DeviceDataError("a Traccar Client report is an object with a `device_id` and a `location`")
    identifier = body.get("device_id")
    report = _report(
        request,
        identifier=str(identifier) if isinstance(identifier, (str, int)) else request.query.get("id"),
    )
    locations = body.get("location")
    for place, location in enumerate(locations if isinstance(locations, list) else [locations]):
        report.add(place, _fix_of_location(location))
    return report


def _fix_of_location(location: Any) -> Fix | str:
    coords = location.get("coords") if isinstance(location, dict) else None
    if not isinstance(coords, dict):
        return MALFORMED
    fixed_at = iso_as_ms(location.get("timestamp"))
    lat, lon = number(coords.get("latitude")), number(coords.get("longitude"))
    if fixed_at is None or lat is None or lon is None:
        return MALFORMED
    battery = location.get("battery")
    return Fix(
        fixed_at=fixed_at,
        lat=lat,
        lon=lon,
        accuracy_m=positive(coords.get("accuracy")),
        speed_mps=not_negative(coords.get("speed")),
        heading_deg=heading_deg(coords.get("heading")),
        altitude_m=number(coords.get("altitude")),
        battery=fraction(battery.get("level")) if isinstance(battery, dict) else None,
    )


def _report(request: DeviceRequest, *, identifier: str | None) -> DeviceReport:
    return DeviceReport(
        token=authorization_token(request.headers) or identifier or None,
        reply=REPLY,
        reply_type=REPLY_TYPE,
    )
