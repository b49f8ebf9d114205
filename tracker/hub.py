"""Who watches what in this process. ``publish`` is synchronous, bounded, and never waits for a reader.

A topic is watched by watchers. A message is encoded and framed once and written straight to every watcher's
transport. A watcher whose socket is full is passed over: its mailbox keeps the newest position and every other
message in order, and when the socket drains it gets those; after ``CUT_AFTER_S`` it is cut. The others never
notice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tracker.errors import CloseCode
from tracker.frames import frame
from tracker.messages import HEARTBEAT_S, Heartbeat, encode

SLICE = 200
"""Watchers written to before the loop gets its turn: about 2 ms of writes, well under the 5 ms it may be held."""
CUT_AFTER_S = 15.0
MAX_KEPT = 64
"""States a stalled watcher may miss before it is cut; a visit has a dozen in its whole life."""
WRITE_BUFFER_BYTES = 4_096
"""Bytes a transport may hold for a slow reader before its watcher counts as stalled: a dozen positions. Each queued
write costs the event loop some 600 bytes beside the frame."""


class Message:
    """One thing to tell, encoded and framed once. ``conflates``: a newer one makes it worthless. ``located``: it
    says where the technician is (what conflates does)."""

    __slots__ = ("conflates", "frame", "located", "payload", "seq")

    def __init__(self, payload: bytes, *, seq: int = 0, conflates: bool = False, located: bool = False) -> None:
        self.payload = payload
        self.seq = seq
        self.conflates = conflates
        self.located = located or conflates
        self.frame = frame(payload)


class Watcher:
    """One subscription and its mailbox. A shell (websocket, event stream) derives from it.

    ``write`` takes a frame for the socket; ``stalled`` is set while it must not be called. ``until_ms`` ends the
    right to watch; ``principal`` is opaque here and lets a revocation find its watchers.
    """

    __slots__ = (
        "_kept",
        "_latest",
        "beat",
        "principal",
        "stalled",
        "stalled_at",
        "topic",
        "until_ms",
        "write",
    )

    def __init__(self, *, write: Callable[[bytes], Any], principal: Any, until_ms: int) -> None:
        self.write = write
        self.principal = principal
        self.until_ms = until_ms
        self.stalled = False
        self.stalled_at = 0.0
        self.topic: str | None = None
        self.beat = -1
        self._latest: Message | None = None
        self._kept: list[Message] | None = None

    def keep(self, message: Message) -> bool:
        """Hold a message for a reader that is behind; False when it is too far behind to hold more."""
        if message.conflates:
            self._latest = message
            return True
        if self._kept is None:
            self._kept = []
        self._kept.append(message)
        return len(self._kept) <= MAX_KEPT

    def drop_positions(self) -> None:
        self._latest = None
        if self._kept is not None:
            self._kept = [message for message in self._kept if not message.located]

    def take(self) -> list[Message]:
        """The held messages in the order of their seq; the mailbox is empty afterwards."""
        kept = self._kept or []
        if self._latest is not None:
            kept.append(self._latest)
            kept.sort(key=lambda message: message.seq)
        self._kept = None
        self._latest = None
        return kept

    def cut(self, code: int, reason: str) -> None:
        """End this watch: tell why if the socket still takes it, then be gone."""
        raise NotImplementedError


class Topic:
    """The watchers of one trip, one contact's home page, or the board."""

    __slots__ = ("backlog", "watchers")

    def __init__(self) -> None:
        self.watchers: dict[Watcher, None] = {}
        self.backlog: deque[list[Any]] | None = None


class Hub:
    """All watchers of this process. Not thread-safe: everything happens on the event loop's thread."""

    def __init__(self, *, now_ms: Callable[[], int], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._now_ms = now_ms
        self._loop = loop
        self._topics: dict[str, Topic] = {}
        self._stalled: set[Watcher] = set()
        self._beats: list[set[Watcher]] = [set() for _ in range(HEARTBEAT_S)]
        self._beat = 0
        self._next_beat = 0
        self._task: asyncio.Task[None] | None = None
        self.delivered = 0
        self.cut_slow = 0

    # Watching

    def subscribe(self, topic: str, watcher: Watcher, *, heartbeat: bool = True) -> None:
        watcher.topic = topic
        found = self._topics.get(topic)
        if found is None:
            found = self._topics[topic] = Topic()
        found.watchers[watcher] = None
        if heartbeat:
            # One twenty-fifth of the watchers each second, so that a beat is never a burst.
            watcher.beat = self._next_beat
            self._beats[watcher.beat].add(watcher)
            self._next_beat = (self._next_beat + 1) % HEARTBEAT_S

    def unsubscribe(self, watcher: Watcher) -> None:
        # A watcher may stall before it watches anything: its hello was never read.
        self._stalled.discard(watcher)
        name = watcher.topic
        if name is None:
            return
        watcher.topic = None
        topic = self._topics.get(name)
        if topic is not None:
            topic.watchers.pop(watcher, None)
            if not topic.watchers and topic.backlog is None:
                del self._topics[name]
        if watcher.beat >= 0:
            self._beats[watcher.beat].discard(watcher)

    def count(self, topic: str | None = None) -> int:
        """Watchers of one topic, or of all."""
        if topic is None:
            return sum(len(found.watchers) for found in self._topics.values())
        found = self._topics.get(topic)
        return len(found.watchers) if found else 0

    def watchers(self, topic: str) -> list[Watcher]:
        found = self._topics.get(topic)
        return list(found.watchers) if found else []

    def principals(self) -> set[Any]:
        """Everybody who watches anything."""
        return {watcher.principal for found in self._topics.values() for watcher in found.watchers}

    def forget_positions(self, topic: str) -> None:
        """Drop every position that is still on its way to a watcher: the right to see it has just ended."""
        found = self._topics.get(topic)
        if found is None:
            return
        for watcher in found.watchers:
            watcher.drop_positions()
        if found.backlog is not None:
            for entry in found.backlog:
                if entry[0].located:
                    entry[1] = []

    def mark_stalled(self, watcher: Watcher) -> None:
        watcher.stalled = True
        if not watcher.stalled_at:
            watcher.stalled_at = self._now_ms() / 1000.0
        self._stalled.add(watcher)

    def mark_drained(self, watcher: Watcher) -> None:
        """The socket takes bytes again: first what was held, in order."""
        watcher.stalled = False
        if watcher.until_ms <= self._now_ms():
            self._cut_expired(watcher)
            return
        while not watcher.stalled:
            held = watcher.take()
            if not held:
                watcher.stalled_at = 0.0
                self._stalled.discard(watcher)
                return
            for message in held:
                if watcher.stalled:
                    watcher.keep(message)
                else:
                    watcher.write(message.frame)

    # Telling

    def publish_topic(self, topic: str, payload: bytes) -> int:
        """Tell a topic something that is not part of a numbered stream; returns how many watch it."""
        return self.publish(topic, Message(payload))

    def publish(self, topic: str, message: Message) -> int:
        """Write one message to every watcher of a topic; returns how many there are. Never waits."""
        found = self._topics.get(topic)
        if found is None:
            return 0
        watchers = found.watchers
        count = len(watchers)
        self.delivered += count
        if found.backlog is not None or count > SLICE:
            self._enqueue(found, topic, message)
            return count
        self._tell(watchers, message)
        return count

    def _tell(self, watchers: Iterable[Watcher], message: Message) -> None:
        now_ms = self._now_ms()
        data = message.frame
        over: list[Watcher] | None = None
        for watcher in watchers:
            if watcher.stalled:
                if not watcher.keep(message):
                    over = [*(over or ()), watcher]
            elif watcher.until_ms > now_ms:
                watcher.write(data)
            else:
                over = [*(over or ()), watcher]
        if over is not None:
            for watcher in over:
                if watcher.stalled:
                    self._cut_slow(watcher)
                else:
                    self._cut_expired(watcher)

    def _cut_slow(self, watcher: Watcher) -> None:
        self.cut_slow += 1
        self.unsubscribe(watcher)
        watcher.cut(CloseCode.TOO_SLOW, "too slow")

    def _cut_expired(self, watcher: Watcher) -> None:
        self.unsubscribe(watcher)
        watcher.cut(CloseCode.SIGN_IN_AGAIN, "the right to watch has ended")

    def _enqueue(self, found: Topic, name: str, message: Message) -> None:
        # Entries are [message, watchers at the time of publishing, how many were told]. An entry nobody was told
        # of yet is replaced by a newer position: the order per watcher stays.
        backlog = found.backlog
        if backlog is None:
            found.backlog = deque([[message, list(found.watchers), 0]])
            self._slice(found, name)
            return
        newest = backlog[-1]
        if message.conflates and newest[0].conflates and newest[2] == 0 and len(backlog) > 1:
            newest[0] = message
            newest[1] = list(found.watchers)
        else:
            backlog.append([message, list(found.watchers), 0])

    def _slice(self, found: Topic, name: str) -> None:
        backlog = found.backlog
        if backlog is None:
            return
        entry = backlog[0]
        message, watchers, told = entry
        self._tell([w for w in watchers[told : told + SLICE] if w.topic == name], message)
        entry[2] = told + SLICE
        if entry[2] >= len(watchers):
            backlog.popleft()
        if backlog:
            loop = self._loop or asyncio.get_running_loop()
            loop.call_soon(self._slice, found, name)
        else:
            found.backlog = None
            if not found.watchers:
                self._topics.pop(name, None)

    # Ending

    def disconnect(self, predicate: Callable[[Watcher], bool], code: int, reason: str = "") -> int:
        """Cut, now, every watcher the predicate names; returns how many."""
        named = [
            watcher for topic in list(self._topics.values()) for watcher in list(topic.watchers) if predicate(watcher)
        ]
        for watcher in named:
            self.unsubscribe(watcher)
            watcher.cut(code, reason)
        return len(named)

    def finish(self, topic: str, code: int, reason: str = "") -> int:
        """Nothing more will come on this topic: what is still on its way is told at once, then every watcher is
        cut; returns how many."""
        found = self._topics.get(topic)
        if found is None:
            return 0
        backlog, found.backlog = found.backlog, None
        for message, watchers, told in backlog or ():
            self._tell([w for w in watchers[told:] if w.topic == topic], message)
        named = list(found.watchers)
        for watcher in named:
            self.unsubscribe(watcher)
            watcher.cut(code, reason)
        if not found.watchers and self._topics.get(topic) is found:
            del self._topics[topic]
        return len(named)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="hub heartbeat")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.tick()

    def tick(self) -> None:
        """Once a second: cut who is stalled too long, beat a part of the others."""
        now_ms = self._now_ms()
        too_slow = [watcher for watcher in self._stalled if now_ms / 1000.0 - watcher.stalled_at > CUT_AFTER_S]
        for watcher in too_slow:
            self._cut_slow(watcher)
        data = frame(encode(Heartbeat(server_time=now_ms)))
        expired = []
        for watcher in self._beats[self._beat]:
            if watcher.until_ms <= now_ms:
                expired.append(watcher)
            elif not watcher.stalled:
                watcher.write(data)
        for watcher in expired:
            self._cut_expired(watcher)
        self._beat = (self._beat + 1) % HEARTBEAT_S
