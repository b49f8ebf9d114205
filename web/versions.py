"""Which version of a visit a change was made on: `ETag` out, `If-Match` in."""

from __future__ import annotations

import re

from starlette.requests import Request

from web.problems import Problem

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def etag(version: int) -> str:
    return f'"{version}"'


def expected_version(request: Request, current: int) -> int | None:
    """What the use case has to find in its transaction; None without `If-Match` and for `*`.

    Problem `stale_version` (412) when `current` is not among the given tags: a tag that is not ours never matches.
    A proxy that compresses may have made our tag weak; the version in it still means the same.
    """
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    if str(current) in _TAG.findall(header):
        return current
    raise Problem(
        "stale_version",
        f"The visit was changed meanwhile and is at version {current}. Look again.",
        version=current,
        headers={"ETag": etag(current)},
    )
