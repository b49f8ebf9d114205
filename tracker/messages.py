"""Wire types of live tracking: one Struct per message, one decoder and one encoder each, built once.

Times are integer milliseconds since 1970 (UTC). Coordinates going out are integers of 1e-6 degrees,
cheap to encode and exact to 11 cm; coordinates coming in are floats in degrees. Unknown fields are ignored,
unknown values are left out.
"""

from __future__ import annotations

import msgspec

HEARTBEAT_S = 25
SUBPROTOCOL = "enroute.v1.json"


class Fix(msgspec.Struct, gc=False):
    """One position report of a phone. ``fixed_at`` is the device's clock; unknown values are None, never 0."""

    fixed_at: int
    lat: float
    lon: float
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    altitude_m: float | None = None
    battery: float | None = None


class Position(msgspec.Struct, gc=False, omit_defaults=True, tag_field="type", tag="position"):
    """Where the technician is and when they will be there; sent for the newest fix of every turn."""

    seq: int
    fixed_at: int
    lat_e6: int
    lon_e6: int
    heading_deg: int | None = None
    speed_cms: int | None = None
    accuracy_m: int | None = None
    left_m: int | None = None
    left_s: int | None = None
    eta_at: int | None = None
    eta_low_at: int | None = None
    eta_high_at: int | None = None
    freshness: str | None = None


class Eta(msgspec.Struct, gc=False, omit_defaults=True, tag_field="type", tag="eta"):
    """The arrival instant changed noticeably, or for a reason worth telling. Later silence is not told: after a minute
    without a position a reader widens the range by half of what is beyond, to either side.

    ``reason``: first, estimated (no map), changed, re-routed, standing still, arriving, arrived.
    """

    seq: int
    eta_at: int
    eta_low_at: int
    eta_high_at: int
    reason: str
    estimated: bool = False


class Status(msgspec.Struct, gc=False, omit_defaults=True, tag_field="type", tag="status"):
    """The visit changed: its state, its window or who comes."""

    seq: int
    status: str
    at: int
    version: int | None = None
    window_start: int | None = None
    window_end: int | None = None
    tracking: bool | None = None


class TechnicianCard(msgspec.Struct, gc=False, omit_defaults=True):
    """Who comes, as far as the switches allow it to be shown."""

    name: str | None = None
    photo: str | None = None
    phone: str | None = None


class Technician(msgspec.Struct, gc=False, omit_defaults=True, tag_field="type", tag="technician"):
    """Another technician comes; every position before this frame was the old one's."""

    seq: int
    name: str | None = None
    photo: str | None = None
    phone: str | None = None


class RouteLine(msgspec.Struct, gc=False, tag_field="type", tag="route"):
    seq: int
    polyline6: str


class Heartbeat(msgspec.Struct, gc=False, tag_field="type", tag="heartbeat"):
    server_time: int


class End(msgspec.Struct, gc=False, tag_field="type", tag="end"):
    """Nothing more will come. ``reason``: completed, canceled, expired, revoked."""

    seq: int
    reason: str


class Destination(msgspec.Struct, gc=False):
    lat_e6: int
    lon_e6: int


class Snapshot(msgspec.Struct, omit_defaults=True):
    """The newest of each kind. A coordinate of the technician is in it only while a grant holds."""

    status: str
    version: int
    time_zone: str
    server_time: int
    epoch: str
    seq: int
    tracking: bool
    window_start: int | None = None
    window_end: int | None = None
    destination: Destination | None = None
    technician: TechnicianCard | None = None
    position: Position | None = None
    eta: Eta | None = None
    route: str | None = None
    freshness: str | None = None
    end: str | None = None


class Welcome(msgspec.Struct, omit_defaults=True, tag_field="type", tag="welcome"):
    """First frame of every watch. ``missed`` repeats, in order, the states told since the client's ``since``."""

    epoch: str
    seq: int
    heartbeat_s: int
    server_time: int
    snapshot: Snapshot
    missed: list[Status] | None = None


class FeedWelcome(msgspec.Struct, gc=False, tag_field="type", tag="welcome"):
    """First frame of a home page and of a board: what changes from now on follows, what was before is asked for."""

    heartbeat_s: int
    server_time: int


class Since(msgspec.Struct):
    epoch: str
    seq: int


class Hello(msgspec.Struct, tag_field="type", tag="hello"):
    """First message of a watcher; the token may be absent where a cookie or subprotocol identified them."""

    token: str | None = None
    since: Since | None = None


class Ack(msgspec.Struct, gc=False, omit_defaults=True, tag_field="type", tag="ack"):
    """Everything fixed up to and including ``upto`` is in the database or was refused for the counted reasons."""

    upto: int
    rejected: dict[str, int] | None = None


class Rate(msgspec.Struct, gc=False, tag_field="type", tag="rate"):
    """More comes in than the server can take: until this connection ends, please send at most one position in so many
    seconds, and none that lie between."""

    interval_s: int


class Arrival(msgspec.Struct, gc=False, tag_field="type", tag="arrival"):
    """To the technician's pages: you seem to be there; the visit's state is still yours to change."""

    trip: str
    at: int


class ErrorFrame(msgspec.Struct, gc=False, omit_defaults=True, tag_field="type", tag="error"):
    code: str
    detail: str
    fixed_at: int | None = None


class BoardTechnician(msgspec.Struct, gc=False, omit_defaults=True):
    """One technician as the dispatcher sees them. Never sent to a customer."""

    id: str
    duty: str
    fixed_at: int | None = None
    lat_e6: int | None = None
    lon_e6: int | None = None
    heading_deg: int | None = None
    speed_cms: int | None = None
    trip: str | None = None
    eta_at: int | None = None
    battery_percent: int | None = None


class Board(msgspec.Struct, tag_field="type", tag="board"):
    """Technicians who changed since the last board of this stream (the first one holds everybody)."""

    server_time: int
    technicians: list[BoardTechnician]


encode = msgspec.json.Encoder().encode
"""Any outgoing message → JSON bytes."""

decode_hello = msgspec.json.Decoder(Hello).decode
"""A watcher's first message. Raises ``msgspec.DecodeError`` (its subclass ``ValidationError`` included)."""
