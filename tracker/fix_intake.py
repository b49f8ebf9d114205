"""What nearly every read of a phone brings: one fix in one message. The shortest way from there to the node."""

from __future__ import annotations

from typing import Protocol

import msgspec

from tracker.devices.native import decode_one_json
from tracker.filters import CURRENT, Verdict
from tracker.frames import FrameParser
from tracker.live import LiveTechnician
from tracker.messages import Fix
from tracker.node import Node
from tracker.pending import Acknowledged
from tracker.sockets import Intake


class FixDevice(Acknowledged, Protocol):
    """The connection the fix came on: it may also be told what became of the fixes."""

    def answer(self, fixes: list[Fix], verdicts: list[Verdict]) -> None: ...


class FixIntake(Intake):
    """``take`` works on such a read or leaves it as it is. ``parser`` is the connection's own, ``tokens`` so many fixes
    it may still send."""

    __slots__ = ("_device", "_node", "_technician", "parser", "tokens")

    def __init__(
        self, *, node: Node, technician: LiveTechnician, device: FixDevice, parser: FrameParser, tokens: int
    ) -> None:
        self._node = node
        self._technician = technician
        self._device = device
        self.parser = parser
        self.tokens = tokens

    def take(self, data: bytes) -> bool:
        """False when these bytes are anything else, or may not be taken: then nothing was done."""
        node = self._node
        if self.tokens <= 0 or node.pending.full:
            return False
        payload = self.parser.whole_text(data)
        if payload is None:
            return False
        try:
            fix = decode_one_json(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # A list, or nonsense: to be read with more patience.
            return False
        self.tokens -= 1
        now_ms = node.turn_ms
        if now_ms:
            verdict = node.decide(self._technician, fix, now_ms, self._device)
        else:
            now_ms = node.now_ms()
            verdict = node.decide(self._technician, fix, now_ms, self._device)
            node.settle(now_ms)
        if verdict is not CURRENT:
            self._device.answer([fix], [verdict])
        return True
