"""How a process tells its watchers: at once, at the end of a turn, or a crowd slice by slice. ``tracker.hub`` says
who they are."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from os import write
from time import perf_counter
from typing import Final

from tracker.errors import CloseCode
from tracker.ring import WriteRing
from tracker.topics import Topic
from tracker.watchers import NEVER_MS, Message, Watcher

TURN_WRITES = 256
"""Watchers written to in one turn of the sockets. The rest of what was published in it is told in slices."""
SLICE = 512
"""Watchers written to before the loop gets its turn, if there is time for them,"""
SLICE_S: Final = 0.001
"""and how long that may take: a request needs four or five turns of the loop."""
PIECE: Final = 64
"""Watchers written to before the clock is looked at, then twice as many while it goes fast: a write that wakes a
sleeper may take a hundred times as long as the others."""
RING_FROM: Final = 4
"""Fewer writes are cheaper one by one."""


class Telling:
    """The topics of this process and what is on its way to their watchers; ``Hub`` keeps who watches. ``ring``: writes
    to many sockets by one call, where the system can. ``clock_s`` goes forward only."""

    def __init__(
        self,
        *,
        now_ms: Callable[[], int],
        loop: asyncio.AbstractEventLoop | None = None,
        ring: WriteRing | None = None,
        clock_s: Callable[[], float] = perf_counter,
    ) -> None:
        self._now_ms = now_ms
        self._clock_s = clock_s
        self._loop = loop
        self._ring = ring
        self._batch = 0
        self._topics: dict[str, Topic] = {}
        self._held = False
        self._due: list[Topic] = []
        # Writes that this turn may still do, and the topics that wait for slices.
        self._room = TURN_WRITES
        self._behind: deque[Topic] = deque()
        self._slicing = False
        # Topics with watchers who want to know at once.
        self.live_topics = 0
        self.delivered = 0
        self.cut_slow = 0

    def unsubscribe(self, watcher: Watcher) -> None:
        """The watcher is told nothing more."""
        raise NotImplementedError

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
        self._batch += 1
        batch, room, delivered = self._batch, self._room, 0
        fds: list[int] = []
        frames: list[bytes] = []
        theirs: list[tuple[Topic, int, bytes, bytes]] = []
        torn: list[tuple[tuple[Topic, int, bytes, bytes], int, int]] = []
        later: list[tuple[Topic, int, bytes, bytes]] = []
        for each in told:
            topic, _, _, data = each
            count = len(topic.sockets)
            if (
                topic.others
                or topic.backlog is not None
                or topic.until_ms <= now_ms
                or count > room
                # No socket twice in one go: after a part of a frame nothing but its rest may follow.
                or topic.batch == batch
            ):
                later.append(each)
                continue
            topic.batch = batch
            delivered += count
            room -= count
            if count == 1:
                for fd in topic.sockets:
                    taken = _write(fd, data)
                    if taken != len(data):
                        torn.append((each, fd, taken))
                continue
            for fd in topic.sockets:
                fds.append(fd)
                frames.append(data)
                theirs.append(each)
        self._room = room
        self.delivered += delivered
        for index, taken in self._write_each(fds, frames):
            torn.append((theirs[index], fds[index], taken))
        for (topic, seq, payload, data), fd, taken in torn:
            self._fall_behind(topic.sockets.get(fd), Message(payload, seq, True, True, data), taken)
        for topic, seq, payload, data in later:
            self.delivered += topic.count
            self._tell(topic, Message(payload, seq, True, True, data), now_ms)

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
        # Before the writes: who stalls at them has this message already, or keeps it.
        others = list(topic.others) if topic.others else None
        if sockets:
            for fd, taken in self._write_all(list(sockets), message.frame):
                self._fall_behind(sockets.get(fd), message, taken)
        if others is not None:
            self._tell_others(others, message)

    def _tell_some(self, topic: Topic, watchers: list[Watcher], message: Message) -> None:
        """A part of a crowd. Whoever left, or left and came again, is not told what is not theirs."""
        fds: list[int] = []
        others: list[Watcher] = []
        for watcher in watchers:
            if watcher.topic is topic:
                if watcher.stalled or watcher.fd < 0:
                    others.append(watcher)
                else:
                    fds.append(watcher.fd)
        for fd, taken in self._write_all(fds, message.frame):
            self._fall_behind(topic.sockets.get(fd), message, taken)
        if others:
            self._tell_others(others, message)

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
        """Tell as many as there is room and time for; those of other topics before the next piece of the same one."""
        until_s = self._clock_s() + SLICE_S
        piece = PIECE
        while self._behind and self._room > 0:
            topic = self._behind.popleft()
            backlog = topic.backlog
            if backlog is None:
                continue
            entry = backlog[0]
            message, watchers, told = entry
            # Nobody is left of a position that was forgotten half told.
            until = max(told, min(told + self._room, told + piece, len(watchers)))
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
            if self._behind:
                left_s = until_s - self._clock_s()
                if left_s <= 0:
                    self._room = 0
                elif left_s > SLICE_S / 2:
                    piece *= 2
        if self._behind and not self._slicing:
            self._slicing = True
            (self._loop or asyncio.get_running_loop()).call_soon(self._slice)

    def _slice(self) -> None:
        self._slicing = False
        self._room = SLICE
        self._work_off()
        self._room = min(self._room, TURN_WRITES)

    def _forget_if_empty(self, topic: Topic) -> None:
        if topic.sockets or topic.others or topic.backlog is not None or topic.due is not None:
            return
        if self._topics.get(topic.name) is topic:
            del self._topics[topic.name]
            if not topic.patient:
                self.live_topics -= 1

    def _write_all(self, fds: list[int], data: bytes) -> list[tuple[int, int]]:
        """Write the bytes to every socket; those that did not take all: (fd, bytes taken; -1 for a broken socket)."""
        if self._ring is not None and len(fds) >= RING_FROM:
            return self._ring.write_all(fds, data)
        size = len(data)
        return [(fd, taken) for fd in fds if (taken := _write(fd, data)) != size]

    def _write_each(self, fds: list[int], frames: list[bytes]) -> list[tuple[int, int]]:
        """Write to each socket its own; those that did not take all: (index, bytes taken; -1 for a broken socket)."""
        if self._ring is not None and len(fds) >= RING_FROM:
            return self._ring.write_each(fds, frames)
        short = []
        for index, fd in enumerate(fds):
            data = frames[index]
            taken = _write(fd, data)
            if taken != len(data):
                short.append((index, taken))
        return short


def _write(fd: int, data: bytes) -> int:
    try:
        return write(fd, data)
    except BlockingIOError:
        return 0
    except OSError:
        return -1
