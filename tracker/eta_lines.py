"""JSON lines in, JSON lines out: anybody can score the arrival times. [pure]

``{"op":"start","trip":id,"dest":[lat,lon],"t":epoch}`` is answered ``{"ok":true}``, and
``{"op":"ping","t":epoch,"lat":..,"lon":..}`` with ``{"eta_s":..,"low_s":..,"high_s":..}``, seconds from that ``t``.
A line that is neither gets ``{"error":..}``, and so does a ping while no position could be believed yet. Pings that
come late or twice are answered from what is known.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from tracker.messages import Fix
from tracker.rehearsal import UNKNOWN, Told

LONGEST_S = 1e11


class Start(msgspec.Struct, tag_field="op", tag="start"):
    """A technician sets off."""

    trip: str | int
    dest: tuple[float, float]
    t: float


class Ping(msgspec.Struct, tag_field="op", tag="ping"):
    """A position at ``t``, seconds since 1970."""

    t: float
    lat: float
    lon: float


class Server(Protocol):
    """Who answers: see ``tracker.rehearsal.Rehearsal``."""

    def start(self, *, lat: float, lon: float) -> None: ...
    def receive(self, fix: Fix) -> None: ...
    def line_up(self) -> None: ...
    def told(self, at_ms: int) -> Told: ...


_decode = msgspec.json.Decoder(Start | Ping).decode
_encode = msgspec.json.Encoder().encode


class LineTalk:
    """``answer`` each line in order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._started = False

    def answer(self, line: bytes) -> bytes:
        """One line of JSON without its end; never raises for anything a line may hold."""
        try:
            message = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _encode({"error": str(error)})
        except RecursionError:
            return _encode({"error": "JSON is nested too deeply"})
        if abs(message.t) > LONGEST_S:
            return _encode({"error": f"t is {message.t}; give seconds since 1970"})
        if isinstance(message, Start):
            lat, lon = message.dest
            if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
                return _encode({"error": f"dest is {lat}, {lon}; give [lat, lon] in degrees"})
            self._server.start(lat=lat, lon=lon)
            self._started = True
            return _encode({"ok": True})
        if not self._started:
            return _encode({"error": "a ping before any start"})
        at_ms = round(message.t * 1000)
        self._server.receive(Fix(fixed_at=at_ms, lat=message.lat, lon=message.lon))
        told = self._server.told(at_ms)
        self._server.line_up()
        if told.reason == UNKNOWN:
            return _encode({"error": f"no position to believe yet: {message.lat}, {message.lon}"})
        return _encode({"eta_s": told.eta_s, "low_s": told.low_s, "high_s": told.high_s})
