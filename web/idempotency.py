"""`Idempotency-Key`: a client that lost the answer asks again and gets the same appointment, not a second one.

The key is kept with the booking, in its transaction, per contact; here it is only read.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from web.problems import Problem

# Visible ASCII: what survives every proxy unchanged. A UUID has 36 characters.
_KEY = re.compile(r"[!-~]{1,200}")


def idempotency_key(request: Request) -> str | None:
    """The key, without the quotes that the draft standard puts around it. Problem `invalid` for an unusable one."""
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise Problem("invalid", "An Idempotency-Key has 1 to 200 visible ASCII characters.", field="Idempotency-Key")
    return key
