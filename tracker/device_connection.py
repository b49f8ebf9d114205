"""A technician's phone on its own websocket: fixes in, acknowledgements after the commit."""

from __future__ import annotations

import asyncio

from tracker.connections import CONNECTION_STATE, Connection
from tracker.devices import native
from tracker.errors import CloseCode, DeviceDataError
from tracker.filters import Kept, Rejection
from tracker.frames import BINARY, MAX_MESSAGE_BYTES
from tracker.messages import Ack, ErrorFrame, Fix, encode
from tracker.node import Node

ACK_EVERY_S = 1.0
"""A phone that sends ten fixes a second needs one acknowledgement, not ten."""
MAX_FIXES_PER_S = 2_000
BURST_FIXES = 40_000
"""A day of buffered fixes at one per two seconds may come at once; a device that keeps on like that is broken."""
ERRORS_PER_S = 20


class DeviceConnection(Connection):
    """Speaks for one technician. Bad messages get an error frame each (bounded per second) and change nothing."""

    __slots__ = (
        *CONNECTION_STATE,
        "_acked_s",
        "_errors",
        "_errors_s",
        "_node",
        "_refused",
        "_timer",
        "_tokens",
        "_tokens_ms",
        "_upto",
        "technician_id",
    )

    def __init__(self, *, node: Node, technician_id: str) -> None:
        super().__init__(max_bytes=MAX_MESSAGE_BYTES)
        self.technician_id = technician_id
        self._node = node
        self._upto = 0
        self._acked_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._refused: dict[str, int] = {}
        self._tokens = float(BURST_FIXES)
        self._tokens_ms = 0
        self._errors = 0
        self._errors_s = 0.0

    def begin(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().begin(transport, loop)
        self._node.answered(self.technician_id, self)

    def messages_received(self, messages: list[tuple[int, bytes]]) -> None:
        node = self._node
        if node.recorder.full:
            self.close(CloseCode.TRY_LATER, "the server is busy, send it again later")
            return
        fixes: list[Fix] | None = None
        for opcode, payload in messages:
            try:
                decoded = native.decode_msgpack(payload) if opcode == BINARY else native.decode_json(payload)
            except DeviceDataError as error:
                node.rejections[error.code] += 1
                self._error(error.code, error.detail)
                continue
            fixes = decoded if fixes is None else fixes + decoded
        if not fixes:
            return
        now_ms = node.now_ms()
        if not self._within_rate(len(fixes), now_ms):
            self.close(CloseCode.TOO_MANY, "too many fixes")
            return
        verdicts = node.ingest(self.technician_id, fixes, now_ms)
        upto = 0
        for fix, verdict in zip(fixes, verdicts, strict=True):
            # A time of tomorrow is not acknowledged: phones forget everything up to ``upto``.
            if fix.fixed_at > upto and verdict is not Rejection.FUTURE:
                upto = fix.fixed_at
            if verdict.__class__ is not Kept:
                reason = verdict.value
                self._refused[reason] = self._refused.get(reason, 0) + 1
                self._error(reason, f"fix refused: {reason.replace('_', ' ')}", fix.fixed_at)
        node.recorder.owe(self, upto)

    def committed(self, upto: int) -> None:
        if upto > self._upto:
            self._upto = upto
        if self._timer is not None or self.transport is None or self.loop is None:
            return
        wait_s = self._acked_s + ACK_EVERY_S - self.loop.time()
        if wait_s <= 0.0:
            self._ack()
        else:
            self._timer = self.loop.call_later(wait_s, self._ack)

    def ended(self) -> None:
        self._node.hung_up(self.technician_id, self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ack(self) -> None:
        self._timer = None
        if self.loop is None:
            return
        self._acked_s = self.loop.time()
        refused, self._refused = self._refused, {}
        self.send(encode(Ack(upto=self._upto, rejected=refused or None)))

    def _within_rate(self, count: int, now_ms: int) -> bool:
        tokens = self._tokens + (now_ms - self._tokens_ms) * (MAX_FIXES_PER_S / 1000.0)
        self._tokens = tokens = (tokens if tokens < BURST_FIXES else BURST_FIXES) - count
        self._tokens_ms = now_ms
        return tokens >= 0.0

    def _error(self, code: str, detail: str, fixed_at: int | None = None) -> None:
        assert self.loop is not None
        now_s = self.loop.time()
        if now_s - self._errors_s >= 1.0:
            self._errors_s = now_s
            self._errors = 0
        self._errors += 1
        if self._errors <= ERRORS_PER_S:
            self.send(encode(ErrorFrame(code=code, detail=detail, fixed_at=fixed_at)))
