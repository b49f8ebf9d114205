"""Who watches what in this process. ``publish`` is synchronous, bounded, and never waits for a reader.

A topic is watched by watchers. A message is encoded and framed once and written straight to every watcher's
socket. A watcher whose socket is full is passed over: its mailbox keeps the newest position and every other
message in order, and when the socket drains it gets those; after ``CUT_AFTER_S`` it is cut. The others never
notice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Final

from tracker.frames import frame
from tracker.messages import HEARTBEAT_S, Heartbeat, encode
from tracker.ring import WriteRing
from tracker.telling import Telling
from tracker.topics import Topic
from tracker.unread import Unread
from tracker.watchers import Watcher

CUT_AFTER_S: Final = 15.0
LOOK_EVERY_S: Final = 3
"""Each watcher is looked at so often whether it still reads."""
LOOK_SLICE: Final = 64
"""Watchers looked at before the loop gets its turn."""
BEAT_SLICE: Final = 8
"""Watchers who get their heartbeat before the loop gets its turn. Nobody waits for one, and where nothing else happens
each write wakes somebody who sleeps, which takes several times as long as a write of many in a row."""


class Hub(Telling):
    """All watchers of this process. Not thread-safe: everything happens on the event loop's thread."""

    def __init__(
        self,
        *,
        now_ms: Callable[[], int],
        loop: asyncio.AbstractEventLoop | None = None,
        ring: WriteRing | None = None,
        clock_s: Callable[[], float] = perf_counter,
    ) -> None:
        super().__init__(now_ms=now_ms, loop=loop, ring=ring, clock_s=clock_s)
        self._stalled: set[Watcher] = set()
        self._beats: list[set[Watcher]] = [set() for _ in range(HEARTBEAT_S)]
        self._beat = 0
        self._next_beat = 0
        self._unread = Unread()
        self._task: asyncio.Task[None] | None = None

    # Watching

    def subscribe(self, name: str, watcher: Watcher, *, heartbeat: bool = True, patient: bool = False) -> None:
        """Tell this watcher everything on the topic from now on. ``patient``: what is told here is in no hurry."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name, patient=patient)
            if not patient:
                self.live_topics += 1
        elif topic.due is not None:
            # What waits for the end of the turn is older than the snapshot the newcomer gets in this breath.
            self._tell_due(topic)
        watcher.topic = topic
        topic.place(watcher)
        if watcher.until_ms < topic.until_ms:
            topic.until_ms = watcher.until_ms
        if heartbeat:
            # One twenty-fifth of the watchers each second, so that a beat is never a burst.
            watcher.beat = self._next_beat
            self._beats[watcher.beat].add(watcher)
            self._next_beat = (self._next_beat + 1) % HEARTBEAT_S

    def unsubscribe(self, watcher: Watcher) -> None:
        # A watcher may stall before it watches anything: its hello was never read.
        self._stalled.discard(watcher)
        self._unread.forget(watcher)
        topic = watcher.topic
        if topic is None:
            return
        watcher.topic = None
        topic.displace(watcher)
        self._forget_if_empty(topic)
        if watcher.beat >= 0:
            self._beats[watcher.beat].discard(watcher)

    def find(self, name: str) -> Topic | None:
        """The topic, if anybody watches it: for the hot path, which asks and then tells."""
        return self._topics.get(name)

    def count(self, name: str | None = None) -> int:
        """Watchers of one topic, or of all."""
        if name is None:
            return sum(topic.count for topic in self._topics.values())
        topic = self._topics.get(name)
        return topic.count if topic else 0

    def watchers(self, name: str) -> list[Watcher]:
        topic = self._topics.get(name)
        return topic.watchers if topic else []

    def principals(self) -> set[Any]:
        """Everybody who watches anything."""
        return {watcher.principal for topic in self._topics.values() for watcher in topic.watchers}

    def forget_positions(self, name: str) -> None:
        """Drop every position that is still on its way to a watcher: the right to see it has just ended."""
        topic = self._topics.get(name)
        if topic is None:
            return
        for watcher in topic.others or ():
            watcher.drop_positions()
        if topic.due is not None:
            topic.due = [message for message in topic.due if not message.located]
        if topic.backlog is not None:
            for entry in topic.backlog:
                if entry[0].located:
                    entry[1] = []

    def mark_stalled(self, watcher: Watcher) -> None:
        topic = watcher.topic
        if topic is not None:
            topic.displace(watcher)
        watcher.stalled = True
        if topic is not None:
            topic.place(watcher)
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
                topic = watcher.topic
                if topic is not None:
                    topic.displace(watcher)
                    topic.place(watcher)
                return
            for message in held:
                if watcher.stalled:
                    watcher.keep(message)
                else:
                    watcher.send_frame(message.frame)

    # Ending

    def disconnect(
        self, predicate: Callable[[Watcher], bool], code: int, reason: str = "", *, name: str | None = None
    ) -> int:
        """Cut, now, every watcher (of one topic, or of all) the predicate names; returns how many."""
        topics = self._topics.values() if name is None else [topic for topic in (self._topics.get(name),) if topic]
        named = [watcher for topic in topics for watcher in topic.watchers if predicate(watcher)]
        for watcher in named:
            self.unsubscribe(watcher)
            watcher.cut(code, reason)
        return len(named)

    def finish(self, name: str, code: int, reason: str = "") -> int:
        """Nothing more will come on this topic: what is still on its way is told at once, then every watcher is
        cut; returns how many."""
        topic = self._topics.get(name)
        if topic is None:
            return 0
        backlog, topic.backlog = topic.backlog, None
        for message, watchers, told in backlog or ():
            self._tell_some(topic, watchers[told:], message)
        due, topic.due = topic.due, None
        for message in due or ():
            self._tell_some(topic, topic.watchers, message)
        named = topic.watchers
        for watcher in named:
            self.unsubscribe(watcher)
            watcher.cut(code, reason)
        self._forget_if_empty(topic)
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
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            # By the clock: heartbeats that came later and later would be taken for a connection that is dead.
            due_s = max(due_s + 1.0, loop.time())
            await asyncio.sleep(due_s - loop.time())
            for watchers, data in self._begin_beat():
                self._beat_some(watchers, data)
                await asyncio.sleep(0)
            for watchers in self._in_parts():
                self._look_after(watchers)
                await asyncio.sleep(0)

    def tick(self) -> None:
        """Once a second: cut who is stalled too long or stopped reading, beat a part of the others."""
        for watchers, data in self._begin_beat():
            self._beat_some(watchers, data)
        for watchers in self._in_parts():
            self._look_after(watchers)

    def _in_parts(self) -> Iterator[list[Watcher]]:
        """Who is looked at this second whether it reads, in slices that are put together when their turn comes."""
        part: list[Watcher] = []
        for topic in list(self._topics.values())[self._beat % LOOK_EVERY_S :: LOOK_EVERY_S]:
            for watcher in list(topic.sockets.values()):
                part.append(watcher)
                if len(part) == LOOK_SLICE:
                    yield part
                    part = []
        yield part

    def _look_after(self, watchers: list[Watcher]) -> None:
        # Who left since the second began is not looked at: nobody would look again, and it would be kept for good.
        present = [watcher for watcher in watchers if watcher.topic is not None]
        for watcher in self._unread.look(present, self._now_ms() / 1000.0):
            self._cut_slow(watcher)

    def _begin_beat(self) -> list[tuple[list[Watcher], bytes]]:
        """Cut who is stalled too long; who gets a heartbeat this second, in slices."""
        now_ms = self._now_ms()
        too_slow = [watcher for watcher in self._stalled if now_ms / 1000.0 - watcher.stalled_at > CUT_AFTER_S]
        for watcher in too_slow:
            self._cut_slow(watcher)
        data = frame(encode(Heartbeat(server_time=now_ms)))
        turn = list(self._beats[self._beat])
        self._beat = (self._beat + 1) % HEARTBEAT_S
        for watcher in turn:
            if watcher.until_ms <= now_ms:
                self._cut_expired(watcher)
        return [(turn[first : first + BEAT_SLICE], data) for first in range(0, len(turn), BEAT_SLICE)]

    def _beat_some(self, watchers: list[Watcher], data: bytes) -> None:
        for watcher in watchers:
            if watcher.topic is not None and not watcher.stalled:
                watcher.send_frame(data)
