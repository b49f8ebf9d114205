"""Messages to a program of the operator's (an SMS provider, a chat), as signed JSON."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import urllib.error
import urllib.request
from typing import Any

import msgspec

TIMEOUT_S = 10.0


class WebhookFailed(Exception):
    """The other side did not take it. `permanent`: the same request can never succeed."""

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        self.permanent = permanent


class Webhook:
    """Posts to one URL. `Enroute-Id` stays the same when a message is sent again; `Enroute-Signature` is
    `sha256=` and the HMAC-SHA-256 of the body with the configured secret."""

    def __init__(self, *, url: str, secret: str | None) -> None:
        self._url = url
        self._secret = secret.encode() if secret else None
        self._opener = urllib.request.build_opener(_NoRedirects)

    async def send(self, message: object, *, key: str) -> None:
        """Taken with a 2xx, or WebhookFailed."""
        body = msgspec.json.encode(message)
        headers = {"Content-Type": "application/json", "Enroute-Id": key, "User-Agent": "enroute"}
        if self._secret is not None:
            headers["Enroute-Signature"] = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310  the operator's own URL
        await asyncio.to_thread(self._post, request)

    def _post(self, request: urllib.request.Request) -> None:
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                response.read(1024)
        except urllib.error.HTTPError as error:
            with error:
                permanent = 400 <= error.code < 500 and error.code not in (408, 409, 425, 429)
                raise WebhookFailed(f"the webhook answered {error.code}", permanent=permanent) from None
        except (OSError, urllib.error.URLError) as error:
            raise WebhookFailed(f"the webhook cannot be reached: {type(error).__name__}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    # Following one would turn the POST into a GET and lose the message.
    def redirect_request(self, *args: Any) -> None:
        return None
