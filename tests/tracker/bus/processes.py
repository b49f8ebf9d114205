"""Two or three processes of one installation in one, on exchanges in memory."""

from __future__ import annotations

import asyncio

from tests.tracker.installations import Installation
from tests.tracker.journeys import NOW_MS
from tests.tracker.listeners import Clock, Listener
from tests.tracker.nodes import set_off, watch
from tests.tracker.stores import MemoryTrackStore
from tracker.bus.shared import SharedBus
from tracker.hub import Hub
from tracker.node import Node


class Phone:
    """A connected device that only says whether its fixes are taken here."""

    def __init__(self) -> None:
        self.taken_here: list[bool] = []

    def close(self, code: int, reason: str = "") -> None:
        pass

    def owned(self, owned: bool) -> None:
        self.taken_here.append(owned)


class Processes:
    def __init__(self) -> None:
        self.clock = Clock(NOW_MS)
        self.installation = Installation()
        self.store = MemoryTrackStore()
        self.nodes: dict[str, Node] = {}

    async def start(self, name: str) -> Node:
        bus = SharedBus(self.installation.exchange(name))
        node = Node(hub=Hub(now_ms=self.clock), store=self.store, now_ms=self.clock, bus=bus)
        bus.attach(node)
        await node.start()
        await bus.start()
        self.nodes[name] = node
        return node

    def exchange(self, node: Node):
        return node.bus._exchange

    async def settle(self) -> None:
        """Everything that was sent has arrived, and what that brought about too."""
        for _ in range(40):
            await asyncio.sleep(0)

    def set_off(self, **changed) -> None:
        """The change of state reaches every process."""
        for node in self.nodes.values():
            set_off(node, **changed)

    async def stop(self) -> None:
        for name, node in self.nodes.items():
            if name in self.installation.members:
                await node.bus.stop()
            await node.stop()


async def watch_far(processes, node, trip_id="visit") -> Listener:
    """As an endpoint does it: hold the stream, wait for what its owner knows, then subscribe."""
    node.pin(trip_id)
    await node.bus.company(node.topic(trip_id))
    listener = watch(node, trip_id=trip_id)
    node.unpin(trip_id)
    return listener


async def own(processes, node, technician_id="ana") -> None:
    """The technician's phone is connected to this process."""
    node.answered(technician_id, Phone())
    node.bus.own(node.technician(technician_id), insist=True)
    await processes.settle()
    assert node.technician(technician_id).owned
