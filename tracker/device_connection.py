"""A technician's phone on its own websocket: fixes in, acknowledgements after the commit."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final

from tracker.connections import CONNECTION_STATE, Connection
from tracker.devices import native
from tracker.errors import CloseCode, DeviceDataError, OwnerAway
from tracker.filters import Kept, Rejection, Verdict
from tracker.fix_intake import FixIntake
from tracker.frames import BINARY, MAX_MESSAGE_BYTES, FrameParser
from tracker.messages import Ack, ErrorFrame, Fix, Rate, encode
from tracker.node import Node

if TYPE_CHECKING:
    from tracker.sockets import Sockets

ACK_EVERY_S = 5.0
"""A phone that tells its place every second needs one acknowledgement of five fixes, not five; one that tells it less
often gets each at once."""
MAX_FIXES_PER_S = 2_000
BURST_FIXES = 40_000
"""A day of buffered fixes at one per two seconds may come at once; a device that keeps on like that is broken."""
ERRORS_PER_S = 20
MANY_BYTES: Final = 256
"""More than one fix in JSON."""
CALM_S = 10.0
"""When the processor has kept up for so long, or up to six times as long, and has room for more, who was left out is
asked to send it again: not all at once, and not while a flood is only just kept up with, for whoever comes back is away
for seconds."""
LONGEST_S = 600.0
"""A processor that is never less busy does not keep a phone waiting for longer than this."""
WORD_EVERY_S = 20.0
"""Until then its phone hears so often that somebody is there,"""
SLOWER_S: Final = 5
"""and is asked to tell its place no more often than this: what it does not send need not be left out."""
RECEIVE_BUFFER_BYTES = 16_384
"""Kernel memory for fixes not read yet (Linux doubles it): under overload a phone is held back by its own full socket
within a second's worth of fixes, instead of megabytes of old ones lying before the newest."""


log = logging.getLogger("enroute.devices")


class DeviceConnection(Connection):
    """Speaks for one technician. Bad messages get an error frame each (bounded per second) and change nothing."""

    __slots__ = (
        *CONNECTION_STATE,
        "_acked_s",
        "_calm_s",
        "_errors",
        "_errors_s",
        "_flooded_s",
        "_left_out_s",
        "_node",
        "_refused",
        "_tasks",
        "_taking",
        "_technician",
        "_timer",
        "_tokens_ms",
        "_upto",
        "intake",
        "technician_id",
    )

    max_bytes = MAX_MESSAGE_BYTES
    receive_buffer_bytes = RECEIVE_BUFFER_BYTES

    def __init__(self, *, node: Node, technician_id: str) -> None:
        super().__init__()
        self.technician_id = technician_id
        self._node = node
        self._parser = parser = FrameParser(self.max_bytes)
        self._technician = technician = node.technician(technician_id)
        self._taking: FixIntake | None = FixIntake(
            node=node, technician=technician, device=self, parser=parser, tokens=BURST_FIXES
        )
        # The fast way is for fixes that this process decides itself.
        self.intake: FixIntake | None = self._taking if technician.owned else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._upto = 0
        self._acked_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._refused: dict[str, int] = {}
        self._tokens_ms = 0
        self._errors = 0
        self._errors_s = 0.0
        self._left_out_s = 0.0
        self._flooded_s = 0.0
        self._calm_s = 0.0

    def begin(self, sockets: Sockets, fd: int) -> None:
        super().begin(sockets, fd)
        self._node.answered(self.technician_id, self)
        if not self._technician.owned:
            self._node.bus.own(self._technician, insist=True)

    def owned(self, owned: bool) -> None:
        self.intake = self._taking if owned and not self._tasks else None

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if len(data) > MANY_BYTES and parser is not None and self.alive and self._node.recorder.behind:
            data, skipped = parser.skim(data)
            if skipped:
                self._leave_out(skipped)
        super().data_received(data)

    def messages_received(self, messages: list[tuple[int, bytes]]) -> None:
        node = self._node
        recorder = node.recorder
        if recorder.full:
            self.close(CloseCode.TRY_LATER, "the server is busy, send it again later")
            return
        if len(messages) > 1 and recorder.behind:
            # What ``skim`` had to leave, or was too little for it.
            self._leave_out(len(messages) - 1)
            messages = messages[-1:]
        fixes: list[Fix] = []
        for opcode, payload in messages:
            try:
                fixes += native.decode_msgpack(payload) if opcode == BINARY else native.decode_json(payload)
            except DeviceDataError as error:
                node.rejections[error.code] += 1
                self._error(error.code, error.detail)
        if not fixes:
            return
        now_ms = node.now_ms()
        if not self._allowed(len(fixes), now_ms):
            return
        if not self._technician.owned or self._tasks:
            task = self.loop.create_task(self._hand_on(fixes), name="fixes for another process")
            self._tasks.add(task)
            task.add_done_callback(self._handed_on)
            return
        self.answer(fixes, node.ingest(self.technician_id, fixes, now_ms))

    async def _hand_on(self, fixes: list[Fix]) -> None:
        try:
            verdicts = await self._node.bus.hand_on(self._technician, fixes, insist=True)
        except OwnerAway:
            self.close(CloseCode.TRY_LATER, "please send it again")
            return
        self.answer(fixes, verdicts)

    def _handed_on(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("fixes could not be handed on", exc_info=task.exception())
            self.close(CloseCode.TRY_LATER, "please send it again")
        if self.fd >= 0:
            # Nothing may overtake what is still on its way.
            self.owned(self._technician.owned)

    def _leave_out(self, count: int) -> None:
        """Of what came in one read only the newest is taken: whoever takes in everything of a flood shows its watchers
        the past. From here on nothing is acknowledged on this connection, for that would cover what was left out."""
        self._node.rejections[Rejection.OVERLOADED.value] += count
        if self._taking is not None:
            self._taking.tokens -= count
        if not self._left_out_s:
            if self._timer is not None:
                self._timer.cancel()
            self._calm_s = CALM_S * random.uniform(1.0, 6.0)  # noqa: S311  # spreads the phones
            self._timer = self.loop.call_later(min(self._calm_s, WORD_EVERY_S), self._ask_again)
            self._flooded_s = self.loop.time()
            self._node.strain.is_strained(self._flooded_s)
            # Not here, among messages that are still to be read: a socket that is broken ends the connection.
            self.loop.call_soon(self.send, encode(Rate(interval_s=SLOWER_S)))
        self._left_out_s = self.loop.time()

    def _ask_again(self) -> None:
        """Who comes back sends all that was not acknowledged, in order."""
        now_s = self.loop.time()
        patient = now_s - self._flooded_s < LONGEST_S
        if self._node.recorder.behind or (patient and self._node.strain.is_strained(now_s)):
            self._left_out_s = now_s
        wait_s = self._calm_s - (now_s - self._left_out_s)
        if wait_s > 0.0:
            self._timer = self.loop.call_later(min(wait_s, WORD_EVERY_S), self._ask_again)
            if now_s - self._acked_s >= WORD_EVERY_S:
                # Of what was dealt with before.
                self._acked_s = now_s
                self.send(encode(Ack(upto=self._upto)))
            return
        self._timer = None
        self.close(CloseCode.TRY_LATER, "some fixes were left out, send again what was not acknowledged")

    def answer(self, fixes: list[Fix], verdicts: list[Verdict]) -> None:
        """Owe the acknowledgement, tell what was refused."""
        self._node.recorder.owe(self, self._answered(fixes, verdicts))

    def _answered(self, fixes: list[Fix], verdicts: list[Verdict]) -> int:
        """Tell what was refused; up to which time (ms, the device's clock) they are dealt with."""
        upto = 0
        for fix, verdict in zip(fixes, verdicts, strict=True):
            # A time of tomorrow is not acknowledged: phones forget everything up to ``upto``.
            if fix.fixed_at > upto and verdict is not Rejection.FUTURE:
                upto = fix.fixed_at
            if verdict.__class__ is not Kept:
                reason = verdict.value
                self._refused[reason] = self._refused.get(reason, 0) + 1
                self._error(reason, f"fix refused: {reason.replace('_', ' ')}", fix.fixed_at)
        return upto

    def committed(self, upto: int) -> None:
        if self._left_out_s:
            return
        if upto > self._upto:
            self._upto = upto
        if self._timer is not None or self.fd < 0:
            return
        wait_s = self._acked_s + ACK_EVERY_S - self.loop.time()
        if wait_s <= 0.0:
            self._ack()
        else:
            self._timer = self.loop.call_later(wait_s, self._ack)

    def ended(self) -> None:
        self.intake = self._taking = None
        self._node.hung_up(self.technician_id, self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ack(self) -> None:
        self._timer = None
        self._acked_s = self.loop.time()
        refused, self._refused = self._refused, {}
        self.send(encode(Ack(upto=self._upto, rejected=refused or None)))

    def _allowed(self, count: int, now_ms: int) -> bool:
        """Take so many fixes off the allowance; when it is used up, add what the time since the last refill brought.
        Closes when that is too little."""
        intake = self._taking
        if intake is None:
            return False
        intake.tokens -= count
        if intake.tokens >= 0:
            return True
        earned = (now_ms - self._tokens_ms) * MAX_FIXES_PER_S // 1000
        intake.tokens = tokens = min(intake.tokens + count + earned, BURST_FIXES) - count
        self._tokens_ms = now_ms
        if tokens < 0:
            self.close(CloseCode.TOO_MANY, "too many fixes")
            return False
        return True

    def _error(self, code: str, detail: str, fixed_at: int | None = None) -> None:
        if self.fd < 0:
            return
        now_s = self.loop.time()
        if now_s - self._errors_s >= 1.0:
            self._errors_s = now_s
            self._errors = 0
        self._errors += 1
        if self._errors <= ERRORS_PER_S:
            self.send(encode(ErrorFrame(code=code, detail=detail, fixed_at=fixed_at)))
