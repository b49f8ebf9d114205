"""Nodes on one clock, a visit 3 km to the east, and the short words for what happens to it."""

from __future__ import annotations

from tests.tracker.journeys import PLACE
from tests.tracker.listeners import Clock, Listener
from tests.tracker.test_live import facts
from tracker.hub import Hub
from tracker.node import Node
from tracker.store import TrackStore
from tracker.watchers import Message

DESTINATION = PLACE.lat_lon(east_m=3_000, north_m=0)
HOME_ZONE = (PLACE.lat, PLACE.lon, 150.0)


class RoutesOnly:
    """A road engine to derive from, as that of a server: it knows ways and no map."""

    async def destination(self, **ends) -> None:
        return None

    async def close(self) -> None:
        pass


class Nodes:
    """Starts nodes on one clock, and stops those that still run at the end."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.running: list[Node] = []

    async def start(self, store: TrackStore, **parts) -> Node:
        node = Node(hub=Hub(now_ms=self.clock, clock_s=lambda: 0.0), store=store, now_ms=self.clock, **parts)
        await node.start()
        self.running.append(node)
        return node

    async def stop(self, node: Node) -> None:
        self.running.remove(node)
        await node.stop()


def visit_facts(version: int = 1, **changed):
    lat, lon = DESTINATION
    return facts(version=version, destination_lat=lat, destination_lon=lon, **changed)


def set_off(node: Node, technician_id: str = "ana", trip_id: str = "visit", **changed) -> None:
    since_ms = changed.pop("since_ms", None)
    node.open_trip(
        trip_id=trip_id,
        technician_id=technician_id,
        facts=visit_facts(**changed),
        now_ms=node.now_ms(),
        since_ms=since_ms,
    )


def close(node: Node, reason: str, *, version: int = 2) -> None:
    status = {"undone": "scheduled"}.get(reason, reason)
    node.close_trip(
        trip_id="visit", facts=visit_facts(version=version, status=status), reason=reason, now_ms=node.now_ms()
    )


def watch(node: Node, *, trip_id: str = "visit", room: int = 1 << 30) -> Listener:
    """Subscribe and snapshot in one breath; the listener's first message is the welcome."""
    listener = Listener(node.hub, node.topic(trip_id), room=room)
    welcome = Message.of(node.welcome(trip_id, node.now_ms()))
    listener.frames.append(welcome.frame)
    return listener


def report(node: Node, *fixes, technician_id: str = "ana"):
    """Fixes of one read, at the time of the newest of them."""
    node.now_ms.now_ms = max(node.now_ms(), *(fix.fixed_at for fix in fixes))
    return node.ingest(technician_id, list(fixes), node.now_ms())


def kinds(listener: Listener) -> list[str]:
    return [message["type"] for message in listener.told]


def snapshot(node: Node, trip_id: str = "visit"):
    return node.snapshot(trip_id, node.now_ms())
