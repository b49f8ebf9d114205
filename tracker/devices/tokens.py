"""The device token in an ``Authorization`` header, or in the query of an app that has no other place for it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping


def authorization_token(headers: Mapping[str, str]) -> str | None:
    """The token of a bearer or basic header, None without one.

    Of basic credentials the password is the token (apps ask for a user name, and technicians write their
    own name there); with an empty password the user name is.
    """
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    credentials = credentials.strip()
    match scheme.lower():
        case "bearer":
            return credentials or None
        case "basic":
            try:
                decoded = base64.b64decode(credentials, validate=True).decode()
            except (binascii.Error, ValueError):
                return None
            user, _, password = decoded.partition(":")
            return password or user or None
    return None


def query_token(query: Mapping[str, str]) -> str | None:
    """The token as GPSLogger (``token``), OsmAnd (``id``) or Traccar Client (``deviceid``) puts it into an address."""
    return next((value for name in ("token", "id", "deviceid") if (value := query.get(name))), None)
