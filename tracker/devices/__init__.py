"""What phones send, in five protocols, read into fixes in SI units.

Pure: takes the parts of one HTTP request, returns what it says. Whether a fix is plausible (0,0, a speed
nobody drives, a clock in the future) is judged by ``tracker.filters`` alone.
"""

from __future__ import annotations

from collections.abc import Callable

from tracker.devices import gpslogger, native, osmand, overland, owntracks
from tracker.devices.report import DeviceReport, DeviceRequest
from tracker.errors import DeviceDataError

__all__ = ["PROTOCOLS", "REPLIES", "DeviceDataError", "DeviceReport", "DeviceRequest"]

PROTOCOLS: dict[str, Callable[[DeviceRequest], DeviceReport]] = {
    "fix": native.read,
    "owntracks": owntracks.read,
    "osmand": osmand.read,
    "overland": overland.read,
    "gpslogger": gpslogger.read,
}
"""The reader of each protocol, by the last part of its path under ``/in/``.

Each raises ``DeviceDataError`` for a body that cannot be read at all, and nothing else.
"""

REPLIES: dict[str, tuple[bytes, str]] = {
    "fix": (native.reply(accepted=0, rejected=[]), native.REPLY_TYPE),
    "owntracks": (owntracks.REPLY, owntracks.REPLY_TYPE),
    "osmand": (osmand.REPLY, osmand.REPLY_TYPE),
    "overland": (overland.REPLY, overland.REPLY_TYPE),
    "gpslogger": (gpslogger.REPLY, gpslogger.REPLY_TYPE),
}
"""Body and content type that make the app drop what it sent. Also the answer to a ``DeviceDataError``:
an app that hears anything else keeps an unreadable report and sends it again for ever."""
