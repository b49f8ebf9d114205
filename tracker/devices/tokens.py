"""The device token in an ``Authorization`` header."""

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
