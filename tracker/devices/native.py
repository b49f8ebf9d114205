"""Enroute's own format: a ``Fix`` as an object, or a list of them, in JSON or MessagePack.

Over HTTP the good fixes of a list are kept when others are unreadable. ``decode_json`` and
``decode_msgpack`` are the hot path of the websocket: a list is read as a whole or not at all.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tracker.devices.report import MALFORMED, DeviceReport, DeviceRequest
from tracker.devices.tokens import authorization_token
from tracker.errors import DeviceDataError
from tracker.messages import Fix

REPLY_TYPE = "application/json"


class _LooseFix(msgspec.Struct, gc=False):
    """A fix whose time may be a float: JavaScript and many MessagePack writers have no other number."""

    fixed_at: int | float
    lat: float
    lon: float
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    altitude_m: float | None = None
    battery: float | None = None

    def strict(self) -> Fix:
        # An infinite time has no integer; NaN and fractions differ from their integer part.
        if isinstance(self.fixed_at, float) and not self.fixed_at.is_integer():
            raise msgspec.ValidationError("Expected whole milliseconds - at `$.fixed_at`")
        return Fix(
            int(self.fixed_at),
            self.lat,
            self.lon,
            self.accuracy_m,
            self.speed_mps,
            self.heading_deg,
            self.altitude_m,
            self.battery,
        )


class _Reply(msgspec.Struct):
    accepted: int
    rejected: list[_ReplyRejection]


class _ReplyRejection(msgspec.Struct):
    index: int
    reason: str


_Decoder = msgspec.json.Decoder[Any] | msgspec.msgpack.Decoder[Any]

_decode_one_json = decode_one_json = msgspec.json.Decoder(Fix).decode
_decode_list_json = msgspec.json.Decoder(list[Fix]).decode
_loose_json = msgspec.json.Decoder(_LooseFix | list[_LooseFix])
_parts_json = msgspec.json.Decoder(list[msgspec.Raw])
_decode_one_msgpack = msgspec.msgpack.Decoder(Fix).decode
_decode_list_msgpack = msgspec.msgpack.Decoder(list[Fix]).decode
_loose_msgpack = msgspec.msgpack.Decoder(_LooseFix | list[_LooseFix])
_parts_msgpack = msgspec.msgpack.Decoder(list[msgspec.Raw])
_BRACE = ord("{")
_FIXMAP = 0x80
"""High four bits of a MessagePack map of up to 15 fields. Larger maps are read by the slower decoder."""
_encode = msgspec.json.Encoder().encode


def decode_json(body: bytes) -> list[Fix]:
    """The fix or fixes of a JSON text. Raises DeviceDataError that names the field and the fix."""
    try:
        if body[0] == _BRACE:
            return [_decode_one_json(body)]
        return _decode_list_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        return _decode_loose(_loose_json, body)


def decode_msgpack(body: bytes) -> list[Fix]:
    """The fix or fixes of a MessagePack value. Raises DeviceDataError that names the field and the fix."""
    try:
        if body[0] & 0xF0 == _FIXMAP:
            return [_decode_one_msgpack(body)]
        return _decode_list_msgpack(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        return _decode_loose(_loose_msgpack, body)


def read(request: DeviceRequest) -> DeviceReport:
    """Read an HTTP report. The reply is written by ``reply`` once the filters have spoken."""
    is_msgpack = "msgpack" in request.content_type.lower()
    report = DeviceReport(token=authorization_token(request.headers), reply_type=REPLY_TYPE)
    try:
        report.fixes = (decode_msgpack if is_msgpack else decode_json)(request.body)
    except DeviceDataError:
        for place, part in enumerate(_parts(request.body, is_msgpack=is_msgpack)):
            report.add(place, _fix_of_part(part, is_msgpack=is_msgpack))
    else:
        report.fix_places = list(range(len(report.fixes)))
    return report


def reply(*, accepted: int, rejected: list[tuple[int, str]]) -> bytes:
    """The JSON answer to an HTTP report; ``rejected`` holds places in the report and reasons."""
    return _encode(_Reply(accepted, [_ReplyRejection(place, reason) for place, reason in rejected]))


def _is_msgpack_array(body: bytes) -> bool:
    first = body[0] if body else 0
    return 0x90 <= first <= 0x9F or first in (0xDC, 0xDD)


def _decode_loose(decoder: _Decoder, body: bytes) -> list[Fix]:
    try:
        read = decoder.decode(body)
        return [each.strict() for each in read] if isinstance(read, list) else [read.strict()]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceDataError(_sentence(error)) from None
    except RecursionError:
        raise DeviceDataError("the report is nested too deeply") from None


def _sentence(error: Exception) -> str:
    # msgspec writes paths as "$[3].lat": the fourth fix of a list, its field lat.
    return str(error).replace("`$[", "`fix[").replace("`$.", "`fix.")


def _parts(body: bytes, *, is_msgpack: bool) -> list[msgspec.Raw]:
    """The elements of a list, unread. Raises DeviceDataError when there is no list to save anything from."""
    is_list = _is_msgpack_array(body) if is_msgpack else body.lstrip()[:1] == b"["
    if not is_list:
        (decode_msgpack if is_msgpack else decode_json)(body)
    try:
        return (_parts_msgpack if is_msgpack else _parts_json).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceDataError(_sentence(error)) from None
    except RecursionError:
        raise DeviceDataError("the report is nested too deeply") from None


def _fix_of_part(part: msgspec.Raw, *, is_msgpack: bool) -> Fix | str:
    loose = _loose_msgpack if is_msgpack else _loose_json
    try:
        (fix,) = _decode_loose(loose, bytes(part))
    except (DeviceDataError, ValueError):
        return MALFORMED
    return fix
