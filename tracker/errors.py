"""Errors of live tracking and the close codes of its websockets.

TrackerError
├── DeviceDataError      the phone sent something that is not a position report
├── FrameError           the peer broke RFC 6455 (carries the close code to answer with)
├── NotTracked           the visit was never looked at in this process
├── OwnerAway            the process that takes a technician's fixes does not answer
├── ExchangeAway         the other processes cannot be reached now (``tracker.exchange``)
├── ExchangeMessageTooLarge  a message or state over the limit was handed to the exchange
├── ExchangeUrlError     the URL of a Redis cannot be read
├── ExtractError         a road extract cannot be read (``tracker.roads.extract``)
├── RoadsFileError       a road graph cannot be read (``tracker.roads.graph_file``)
├── RoadsUnavailable     whoever knows the roads (a worker, a server) is away, late or answers nonsense
└── TracksUnavailable    the database of the tracks does not answer

Each error carries a stable ``code``; the border (HTTP, websocket) maps it, nobody parses sentences.
"""

from __future__ import annotations

from enum import IntEnum


class TrackerError(Exception):
    """Base of all errors of this package."""

    code = "tracker_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class DeviceDataError(TrackerError):
    """The phone's fault: the whole report cannot be read."""

    code = "malformed"


class FrameError(TrackerError):
    """The peer's fault: bytes that RFC 6455 forbids; ``close_code`` says how to answer."""

    code = "protocol_error"

    def __init__(self, close_code: int, detail: str) -> None:
        super().__init__(detail)
        self.close_code = close_code


class NotTracked(TrackerError):
    code = "not_tracked"


class OwnerAway(TrackerError):
    """Nobody's fault: the same fixes may be sent again in a moment."""

    code = "busy"


class ExchangeAway(TrackerError):
    """Nobody's fault here: asked again later, there may be an answer."""

    code = "exchange_away"


class ExchangeMessageTooLarge(TrackerError):
    """The caller's fault."""

    code = "exchange_message_too_large"


class ExchangeUrlError(TrackerError):
    """The operator's fault. The text never holds what might be a password."""

    code = "exchange_url"


class RoadsUnavailable(TrackerError):
    """Not the asker's fault: asked again later, there may be an answer. ``reason`` is one word, for counters."""

    code = "roads_unavailable"

    def __init__(self, detail: str, *, reason: str = "worker") -> None:
        super().__init__(detail)
        self.reason = reason


class TracksUnavailable(TrackerError):
    """The database is away, or too slow. ``detail`` is the driver's: for a log."""

    code = "storage_unavailable"

    def __str__(self) -> str:
        return "The database does not answer. Please come again in a moment."


class CloseCode(IntEnum):
    """Close codes we send. In 4000-4999, below x500 the client comes back, from x500 on it stays away."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    INVALID_DATA = 1007
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTARTING = 1012
    TRY_LATER = 1013
    SIGN_IN_AGAIN = 4401
    HELLO_TOO_LATE = 4408
    TOO_SLOW = 4413
    TOO_MANY = 4429
    MALFORMED = 4500
    NOT_FOUND = 4503
    OVER = 4510
