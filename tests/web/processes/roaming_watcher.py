"""Somebody who watches a visit and holds what they are told against what they may be told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection

from tests.web.live.visits import now_ms
from tests.web.processes.roaming import Doors, Roaming

_encode = msgspec.json.Encoder().encode


@dataclass
class Right:
    """When a position may be shown, as spans of the time of its fix. A connection that was begun after the end of a
    span is shown nothing of it."""

    spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return bool(self.spans) and self.spans[-1][1] == inf

    def open(self, from_ms: int | None = None) -> None:
        # A visit's states have the time in whole seconds.
        self.spans.append((now_ms() // 1000 * 1000 if from_ms is None else from_ms, inf))

    def close(self, at_ms: float) -> None:
        self.spans[-1] = (self.spans[-1][0], at_ms)

    def allows(self, *, fixed_at: int, dialed_ms: int) -> bool:
        return any(begin <= fixed_at <= end and dialed_ms <= end for begin, end in self.spans)


class _Fixed(msgspec.Struct):
    fixed_at: int


class _Snapshot(msgspec.Struct):
    position: _Fixed | None = None


class _Frame(msgspec.Struct):
    type: str
    seq: int | None = None
    epoch: str = ""
    fixed_at: int = 0
    snapshot: _Snapshot | None = None


_frame = msgspec.json.Decoder(_Frame).decode


class RoamingWatcher(Roaming):
    """Watches one visit and holds against the server what it is told. ``faults`` stays empty if all is well."""

    def __init__(self, doors: Doors, visit_id: str, rights: Sequence[Right], **options: Any) -> None:
        super().__init__(doors, f"/ws/appointments/{visit_id}", **options)
        self._rights = rights
        self._epoch = ""
        self._seqs: dict[str, int] = {}
        self._fixed: dict[str, int] = {}
        self._asked_ms = 0
        self.shown_ms = 0
        self.right = asyncio.Event()
        self.right_after_ms = 0
        self.welcomes = self.positions = self.older = 0
        self.faults: list[str] = []

    @property
    def may_see(self) -> bool:
        return all(right.is_open for right in self._rights)

    def ask(self, since_ms: int) -> None:
        """``right`` is set when a position is shown that was fixed later than that."""
        self._asked_ms = since_ms
        self.right_after_ms = 0
        self.right.clear()

    async def opened(self, socket: ClientConnection) -> None:
        if self._epoch:
            since = {"epoch": self._epoch, "seq": self._seqs[self._epoch]}
            await socket.send(_encode({"type": "hello", "since": since}).decode())

    def heard(self, text: str | bytes) -> None:
        frame = _frame(text)
        if frame.type == "welcome":
            self.backoff.worked()
            self.welcomes += 1
            self._epoch = frame.epoch
            assert frame.seq is not None
            assert frame.snapshot is not None
            if frame.seq < self._seqs.get(frame.epoch, 0):
                self.faults.append(f"welcomed with {frame.seq} after {self._seqs[frame.epoch]}")
            self._seqs[frame.epoch] = max(frame.seq, self._seqs.get(frame.epoch, 0))
            if frame.snapshot.position is not None:
                self.older += frame.snapshot.position.fixed_at < self.shown_ms
                self._see(frame.snapshot.position.fixed_at, "a snapshot of")
        elif frame.seq is not None:
            if frame.seq <= self._seqs[self._epoch]:
                self.faults.append(f"{frame.type} {frame.seq} after {self._seqs[self._epoch]}")
            if frame.type != "end":
                # After it nobody comes again who obeys, and who does is told the end once more.
                self._seqs[self._epoch] = frame.seq
            if frame.type == "position":
                self.positions += 1
                self.older += frame.fixed_at < self.shown_ms
                self._see(frame.fixed_at, "a position of")

    def _see(self, fixed_at: int, what: str) -> None:
        if not all(right.allows(fixed_at=fixed_at, dialed_ms=self.dialed_ms) for right in self._rights):
            spans = [right.spans for right in self._rights]
            self.faults.append(f"{what} {fixed_at} without a right at {now_ms()}: {spans}, {self.dialed_ms=}")
        newest = self._fixed.get(self._epoch, 0)
        if fixed_at < newest:
            self.faults.append(f"{what} {fixed_at} after one of {newest}")
        self._fixed[self._epoch] = max(fixed_at, newest)
        self.shown_ms = max(fixed_at, self.shown_ms)
        if fixed_at > self._asked_ms and not self.right.is_set():
            self.right_after_ms = now_ms() - self._asked_ms
            self.right.set()
