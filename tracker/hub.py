"""Who watches what in this process. ``publish`` is synchronous, bounded, and never waits for a reader.

A topic is watched by watchers. A message is encoded and framed once and written straight to every watcher's
socket. A watcher whose socket is full is passed over: its mailbox keeps the newest position and every other
message in order, and when the socket drains it gets those; after ``CUT_AFTER_S`` it is cut. The others never
notice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection
from os import write
from typing import Any, Final

from tracker.errors import CloseCode
from tracker.frames import frame
from tracker.messages import HEARTBEAT_S, Heartbeat, encode
from tracker.topics import Topic
from tracker.unread import Unread
from tracker.watchers import NEVER_MS, Message, Watcher

TURN_WRITES = 256
"""Watchers written to in one turn of the sockets. The rest of what was published in it is told in slices."""
SLICE = 128
"""Watchers written to before the loop gets its turn: about 1 ms, for a request needs four or five of its turns."""
CUT_AFTER_S: Final = 15.0
LOOK_EVERY_S: Final = 3
"""Each watcher is looked at so often whether it still reads."""


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
        self._unread = Unread()
        self._held = False
        self._due: list[Topic] = []
        # Writes that this turn may still do, and the topics that wait for slices.
        self._room = TURN_WRITES
        self._behind: deque[Topic] = deque()
        self._slicing = False
        self._task: asyncio.Task[None] | None = None
        # Topics with watchers who want to know at once.
        self.live_topics = 0
        self.delivered = 0
        self.cut_slow = 0

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

    # Telling

    @property
    def patient(self) -> bool:
        """Nobody watches anything that is to be told at once."""
        return not self.live_topics

    def hold(self) -> None:
        """A turn begins: what is published until ``release`` is told then, of positions the newest per topic."""
        self._held = True
        self._room = TURN_WRITES

    def release(self) -> None:
        """The turn is over: tell what was published in it, topic by topic."""
        self._held = False
        if not self._due:
            return
        due, self._due = self._due, []
        now_ms = self._now_ms()
        for topic in due:
            messages = topic.due
            if messages is not None:
                topic.due = None
                for message in messages:
                    self._tell(topic, message, now_ms)
                if not topic.sockets:
                    self._forget_if_empty(topic)

    def tell_all(self, told: list[tuple[Topic, int, bytes, bytes]], now_ms: int) -> None:
        """Tell each topic its position (topic, seq, payload, frame), now: the writes of a whole turn in one go."""
        delivered = 0
        for topic, seq, payload, data in told:
            sockets = topic.sockets
            count = len(sockets)
            if topic.others or topic.backlog is not None or topic.until_ms <= now_ms or count > self._room:
                self.delivered += topic.count
                self._tell(topic, Message(payload, seq, True, True, data), now_ms)
                continue
            delivered += count
            self._room -= count
            size = len(data)
            short = None
            for fd in sockets:
                try:
                    taken = write(fd, data)
                except BlockingIOError:
                    taken = 0
                except OSError:
                    taken = -1
                if taken != size:
                    short = [*(short or ()), (fd, taken)]
            if short is not None:
                message = Message(payload, seq, True, True, data)
                for fd, taken in short:
                    self._fall_behind(sockets.get(fd), message, taken)
        self.delivered += delivered

    def publish_topic(self, name: str, payload: bytes) -> int:
        """Tell a topic something that is not part of a numbered stream; returns how many watch it."""
        return self.publish(name, Message.of(payload))

    def publish(self, name: str, message: Message) -> int:
        """Tell every watcher of a topic; returns how many there are. Never waits."""
        topic = self._topics.get(name)
        return self.tell(topic, message) if topic is not None else 0

    def tell(self, topic: Topic, message: Message) -> int:
        """``publish`` on a topic that was found already."""
        others = topic.others
        count = len(topic.sockets) + len(others) if others else len(topic.sockets)
        self.delivered += count
        if self._held:
            due = topic.due
            if due is None:
                topic.due = [message]
                self._due.append(topic)
            elif message.conflates and due and due[-1].conflates:
                due[-1] = message
            else:
                due.append(message)
        else:
            self._tell(topic, message, self._now_ms())
        return count

    def _tell_due(self, topic: Topic) -> None:
        messages, topic.due = topic.due or (), None
        now_ms = self._now_ms()
        for message in messages:
            self._tell(topic, message, now_ms)

    def _tell(self, topic: Topic, message: Message, now_ms: int) -> None:
        if topic.until_ms <= now_ms:
            self._cut_all_expired(topic, now_ms)
        count = topic.count
        if topic.backlog is not None or count > self._room:
            self._enqueue(topic, message)
            return
        self._room -= count
        sockets = topic.sockets
        if sockets:
            for fd, taken in _write_all(sockets, message.frame):
                self._fall_behind(sockets.get(fd), message, taken)
        if topic.others:
            self._tell_others(list(topic.others), message)

    def _tell_some(self, topic: Topic, watchers: list[Watcher], message: Message) -> None:
        """A part of a crowd. Whoever left, or left and came again, is not told what is not theirs."""
        present = [watcher for watcher in watchers if watcher.topic is topic]
        sockets = {watcher.fd: watcher for watcher in present if not watcher.stalled and watcher.fd >= 0}
        for fd, taken in _write_all(sockets, message.frame):
            self._fall_behind(sockets[fd], message, taken)
        if len(sockets) < len(present):
            self._tell_others([each for each in present if each.stalled or each.fd < 0], message)

    def _fall_behind(self, watcher: Watcher | None, message: Message, taken: int) -> None:
        """A socket took a part of a frame, nothing (0), or is broken (-1)."""
        if watcher is None:
            return
        if taken < 0:
            watcher.abort()
            return
        watcher.choke(message.frame[taken:] if taken else b"")
        if not taken and not watcher.keep(message):
            self._cut_slow(watcher)

    def _tell_others(self, others: Collection[Watcher], message: Message) -> None:
        for watcher in others:
            if not watcher.stalled:
                watcher.write(message.frame)
            elif not watcher.keep(message):
                self._cut_slow(watcher)

    def _cut_slow(self, watcher: Watcher) -> None:
        self.cut_slow += 1
        self.unsubscribe(watcher)
        watcher.cut(CloseCode.TOO_SLOW, "too slow")

    def _cut_expired(self, watcher: Watcher) -> None:
        self.unsubscribe(watcher)
        watcher.cut(CloseCode.SIGN_IN_AGAIN, "the right to watch has ended")

    def _cut_all_expired(self, topic: Topic, now_ms: int) -> None:
        soonest_ms = NEVER_MS
        for watcher in topic.watchers:
            if watcher.until_ms > now_ms:
                soonest_ms = min(soonest_ms, watcher.until_ms)
            elif watcher.stalled:
                # It is not told anything now; whether it still may is asked when it drains.
                continue
            else:
                self._cut_expired(watcher)
        topic.until_ms = soonest_ms

    def _enqueue(self, topic: Topic, message: Message) -> None:
        # Entries are [message, watchers at the time of publishing, how many were told]. An entry nobody was told
        # of yet is replaced by a newer position: the order per watcher stays.
        backlog = topic.backlog
        if backlog is None:
            topic.backlog = deque([[message, topic.watchers, 0]])
            self._behind.append(topic)
            self._work_off()
            return
        newest = backlog[-1]
        if message.conflates and newest[0].conflates and newest[2] == 0:
            newest[0] = message
            newest[1] = topic.watchers
        else:
            backlog.append([message, topic.watchers, 0])

    def _work_off(self) -> None:
        """Tell as many as there is room for; those of other topics before the next slice of the same one."""
        while self._behind and self._room > 0:
            topic = self._behind.popleft()
            backlog = topic.backlog
            if backlog is None:
                continue
            entry = backlog[0]
            message, watchers, told = entry
            # Nobody is left of a position that was forgotten half told.
            until = max(told, min(told + self._room, len(watchers)))
            self._room -= until - told
            self._tell_some(topic, watchers[told:until], message)
            entry[2] = until
            if until >= len(watchers):
                backlog.popleft()
            if backlog:
                self._behind.append(topic)
            else:
                topic.backlog = None
                self._forget_if_empty(topic)
        if self._behind and not self._slicing:
            self._slicing = True
            (self._loop or asyncio.get_running_loop()).call_soon(self._slice)

    def _slice(self) -> None:
        self._slicing = False
        self._room = SLICE
        self._work_off()

    def _forget_if_empty(self, topic: Topic) -> None:
        if topic.sockets or topic.others or topic.backlog is not None or topic.due is not None:
            return
        if self._topics.get(topic.name) is topic:
            del self._topics[topic.name]
            if not topic.patient:
                self.live_topics -= 1

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
        while True:
            await asyncio.sleep(1.0)
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

    def _in_parts(self) -> list[list[Watcher]]:
        """Who is looked at this second whether it reads, in slices."""
        topics = list(self._topics.values())[self._beat % LOOK_EVERY_S :: LOOK_EVERY_S]
        watchers = [watcher for topic in topics for watcher in topic.sockets.values()]
        return [watchers[first : first + SLICE] for first in range(0, len(watchers), SLICE)]

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
        return [(turn[first : first + SLICE], data) for first in range(0, len(turn), SLICE)]

    def _beat_some(self, watchers: list[Watcher], data: bytes) -> None:
        for watcher in watchers:
            if watcher.topic is not None and not watcher.stalled:
                watcher.send_frame(data)


def _write_all(fds: Collection[int], data: bytes) -> list[tuple[int, int]]:
    """Write the bytes to every socket; those that did not take all: (fd, bytes taken; -1 for a broken socket)."""
    size = len(data)
    short = []
    for fd in fds:
        try:
            taken = write(fd, data)
        except BlockingIOError:
            short.append((fd, 0))
        except OSError:
            short.append((fd, -1))
        else:
            if taken != size:
                short.append((fd, taken))
    return short
