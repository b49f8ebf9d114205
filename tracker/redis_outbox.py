"""[pure] What waits to be published: one blob for each receiver and tick, in the order of sending, bounded.

Nothing that is dropped is forgotten: its place in the receiver's count stays empty, so the receiver sees the gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tracker.errors import ExchangeMessageTooLarge
from tracker.redis_blobs import (
    BLOB_OVERHEAD,
    LARGEST_BLOB,
    LARGEST_MESSAGE,
    MESSAGE_OVERHEAD,
    Hello,
    Messages,
    encode_blob,
)
from tracker.redis_names import EVERYBODY, RedisNames

LARGEST_BACKLOG = 8 * 1024 * 1024


class _Waiting:
    __slots__ = ("blob", "receiver", "size")

    def __init__(self, receiver: str, size: int, blob: Messages | Hello) -> None:
        self.receiver = receiver
        self.size = size
        self.blob = blob


class Outbox:
    """`largest_backlog` in bytes per receiver; it may be exceeded by one blob."""

    def __init__(
        self, node_id: str, names: RedisNames, *, command: bytes = b"PUBLISH", largest_backlog: int = LARGEST_BACKLOG
    ) -> None:
        self.dropped_messages = 0
        self.sent_messages = 0
        self.sent_blobs = 0
        self.is_closed = False
        self._node_id = node_id
        self._names = names
        self._head = b"*3\r\n$%d\r\n%b\r\n" % (len(command), command)
        self._largest_backlog = largest_backlog
        self._waiting: deque[_Waiting] = deque()
        # Those of `_waiting` that may still grow. Either the one for everybody or those for single receivers: a
        # message for everybody must not overtake one for a single receiver, nor the other way round.
        self._open: dict[str, _Waiting] = {}
        self._counts: dict[str, int] = {EVERYBODY: 0}
        self._backlog: dict[str, int] = {EVERYBODY: 0}
        self._heads: dict[str, bytes] = {EVERYBODY: self._head_of(EVERYBODY)}

    def __len__(self) -> int:
        return len(self._waiting)

    def set_receivers(self, receivers: Iterable[str]) -> None:
        """Only these are written to; the counts of others begin anew when they come back."""
        wanted = {EVERYBODY, *receivers}
        if gone := self._counts.keys() - wanted:
            self._seal()
            self._waiting = deque(each for each in self._waiting if each.receiver not in gone)
            for receiver in gone:
                del self._counts[receiver], self._backlog[receiver], self._heads[receiver]
        for new in wanted - self._counts.keys():
            self._counts[new] = self._backlog[new] = 0
            self._heads[new] = self._head_of(new)

    def add(self, receiver: str, message: bytes) -> None:
        """Raises ExchangeMessageTooLarge."""
        waiting = self._open.get(receiver)
        size = len(message) + MESSAGE_OVERHEAD
        if waiting is None or waiting.size + size > LARGEST_BLOB:
            if waiting is not None:
                self._seal()
            if not self._begin(receiver, message):
                self.dropped_messages += 1
            return
        waiting.size += size
        waiting.blob.messages.append(message)  # type: ignore[union-attr]  # a hello never grows

    def add_hello(self, generation: str) -> None:
        """Tells everybody that we are here, behind all that waits."""
        self._seal()
        counts = {receiver: count for receiver, count in self._counts.items() if receiver != EVERYBODY}
        self._waiting.append(_Waiting(EVERYBODY, 0, Hello(self._node_id, generation, self._counts[EVERYBODY], counts)))

    def take(self, at_least: int) -> bytes:
        """Commands for Redis of about this many bytes, at least one if anything waits."""
        parts: list[bytes] = []
        size = 0
        self._seal()
        waiting = self._waiting
        while waiting and size < at_least:
            each = waiting.popleft()
            self._backlog[each.receiver] -= each.size
            payload = encode_blob(each.blob)
            parts += (self._heads[each.receiver], b"%d\r\n" % len(payload), payload, b"\r\n")
            size += len(payload)
            self.sent_blobs += 1
            if type(each.blob) is Messages:
                self.sent_messages += len(each.blob.messages)
        return b"".join(parts)

    def command(self, receiver: str, payload: bytes) -> bytes:
        """One PUBLISH beside the queue."""
        return b"%b%d\r\n%b\r\n" % (self._head_of(receiver), len(payload), payload)

    def close(self) -> None:
        """Drops what waits and, until `reopen`, all that is added."""
        self.dropped_messages += sum(
            len(each.blob.messages) for each in self._waiting if isinstance(each.blob, Messages)
        )
        self._waiting.clear()
        self._open.clear()
        self._backlog = dict.fromkeys(self._backlog, 0)
        self.is_closed = True

    def reopen(self) -> None:
        self.is_closed = False

    def _begin(self, receiver: str, message: bytes) -> bool:
        if len(message) > LARGEST_MESSAGE:
            raise ExchangeMessageTooLarge(f"a message of {len(message)} bytes; {LARGEST_MESSAGE} are the most")
        count = self._counts.get(receiver)
        if count is None:
            return False
        self._counts[receiver] = count = count + 1
        if self.is_closed or self._backlog[receiver] >= self._largest_backlog:
            return False
        if receiver == EVERYBODY or EVERYBODY in self._open:
            self._seal()
        size = len(message) + MESSAGE_OVERHEAD + BLOB_OVERHEAD
        self._open[receiver] = opened = _Waiting(receiver, size, Messages(self._node_id, count, [message]))
        self._waiting.append(opened)
        return True

    def _seal(self) -> None:
        for receiver, waiting in self._open.items():
            self._backlog[receiver] += waiting.size
        self._open.clear()

    def _head_of(self, receiver: str) -> bytes:
        channel = self._names.channel(receiver)
        return b"%b$%d\r\n%b\r\n$" % (self._head, len(channel), channel)
