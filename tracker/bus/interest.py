"""Which topics are looked at here whose owners are elsewhere, and which processes look at what is told here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from tracker.board import BOARD_TOPIC

LINGERS_S = 20.0
"""A topic that nobody looks at any more stays wanted so long: whoever polls, or reloads a page, comes again."""
FIRST_VIEW_S = 0.5
"""A first snapshot waits no longer than this for what an owner knows."""


class Wanted:
    """Topics wanted by this process. ``used`` is called whenever somebody looks; ``unused`` names those to let go."""

    def __init__(self) -> None:
        self._used_s: dict[str, float] = {}
        self._views: dict[str, asyncio.Event] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._used_s))

    def used(self, topic: str, now_s: float) -> bool:
        """True when it was not wanted before."""
        new = topic not in self._used_s
        self._used_s[topic] = now_s
        if new:
            self._views[topic] = asyncio.Event()
        return new

    def viewed(self, topic: str) -> None:
        """Its owner has told what it knows."""
        event = self._views.get(topic)
        if event is not None:
            event.set()

    async def first_view(self, topic: str) -> None:
        """Return when the owner told what it knows, at the latest after FIRST_VIEW_S."""
        event = self._views.get(topic)
        if event is None or event.is_set():
            return
        try:
            async with asyncio.timeout(FIRST_VIEW_S):
                await event.wait()
        except TimeoutError:
            # Nobody answered, so nobody is the owner for now: the next one does not wait again.
            event.set()

    def unused(self, now_s: float, in_use: Callable[[str], bool]) -> list[str]:
        """Those that nobody has looked at for a while; they are not wanted any more."""
        gone = []
        for topic, used_s in list(self._used_s.items()):
            if in_use(topic):
                self._used_s[topic] = now_s
            elif now_s - used_s > LINGERS_S:
                gone.append(topic)
                del self._used_s[topic]
                event = self._views.pop(topic)
                event.set()
        return gone


class Wanting:
    """Which other processes want which topic."""

    def __init__(self) -> None:
        self._nodes: dict[str, set[str]] = {}

    @property
    def visits(self) -> bool:
        """Does anybody want more than the board?"""
        return len(self._nodes) > (BOARD_TOPIC in self._nodes)

    def of(self, topic: str) -> set[str] | None:
        """The very set, so that who keeps it sees later changes; None while nobody wants the topic."""
        return self._nodes.get(topic)

    def add(self, node_id: str, topics: list[str]) -> None:
        for topic in topics:
            self._nodes.setdefault(topic, set()).add(node_id)

    def remove(self, node_id: str, topics: list[str] | None = None) -> None:
        """These topics, or all, are no longer wanted there."""
        for topic in list(self._nodes) if topics is None else topics:
            nodes = self._nodes.get(topic)
            if nodes is not None:
                nodes.discard(node_id)
                if not nodes:
                    del self._nodes[topic]
