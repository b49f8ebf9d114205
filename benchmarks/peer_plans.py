"""The sockets that a workload opens on Enroute and on each kind of relay, in the load generator's format.

In a fleet view the devices of a relay all publish to one topic, which every dispatcher has subscribed to: the least
that a relay must do for it, one write per fix and dispatcher.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from benchmarks.loading import CITY_LAT, CITY_LON, TripAccess, Workload, plan_lines

Dialect = Literal["plain", "mqtt", "nats"]
FLEET_TOPIC = "fleet"


def enroute_plan(workload: Workload, trips: Sequence[TripAccess]) -> Iterable[str]:
    """A fleet view is Enroute's board; its rows are counted, one update for each technician with a newer fix."""
    used = trips[: workload.trips]
    if workload.view == "trip":
        yield from plan_lines(used, watchers=workload.watchers)
        return
    yield from plan_lines(used, watchers=0)
    token = base64.urlsafe_b64encode(used[0].watcher_token.encode()).decode().rstrip("=")
    for _ in range(workload.watchers):
        yield f"fleet\t0\t/ws/dispatch\tSec-WebSocket-Protocol: enroute.v1.json, bearer.{token}"


def relay_plan(workload: Workload, *, dialect: Dialect, update_bytes: int) -> Iterator[str]:
    """For a server that passes on what it gets. `update_bytes`: the size a fix is filled up to, websocket frame and
    all, though without what a broker puts around it."""
    yield f"dialect\t{dialect}"
    yield f"message\t{update_bytes - frame_head_bytes(update_bytes)}"
    for number in range(workload.trips):
        topic = FLEET_TOPIC if workload.view == "fleet" else f"trip{number}"
        place = f"{CITY_LAT:.7f}\t{CITY_LON:.7f}\t0.0"
        path, header = _publishing(topic, dialect)
        yield f"device\t{number}\t{path}\t{place}\t{header}"
        if workload.view == "trip":
            for _ in range(workload.watchers):
                path, header = _watching(topic, dialect)
                yield f"watcher\t{number}\t{path}\t{header}"
    if workload.view == "fleet":
        for _ in range(workload.watchers):
            path, header = _watching(FLEET_TOPIC, dialect)
            yield f"fleet\t0\t{path}\t{header}"


def frame_head_bytes(frame_bytes: int) -> int:
    """Of a server's frame that has this size in total."""
    return 2 if frame_bytes < 128 else 4


def _publishing(topic: str, dialect: Dialect) -> tuple[str, str]:
    """Path and header of a device."""
    if dialect == "plain":
        return "/ws/device", f"Authorization: Bearer {topic}"
    return _watching(topic, dialect)


def _watching(topic: str, dialect: Dialect) -> tuple[str, str]:
    """Path and header of a watcher."""
    if dialect == "mqtt":
        return f"/mqtt#{topic}", "Sec-WebSocket-Protocol: mqtt"
    if dialect == "nats":
        return f"/#{topic}", ""
    return f"/ws/appointments/{topic}", ""
