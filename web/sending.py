"""Sends what waits in the outbox, one lane of it: messages to people (web/senders.py), events to programs
(web/event_webhook.py).

Never lost: a row is marked only after the other side took it; if we crash in between it goes again with the same id.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import aiosmtplib

from slots import outbox_store
from slots.outbox_store import OutboxRow
from web.webhook import WebhookFailed

if TYPE_CHECKING:
    from web.state import State

log = logging.getLogger("enroute.outbox")

# Reminders come due by themselves; everything else wakes us.
POLL_S = 5.0
BATCH = 20
# For so long no other process looks at what this one is sending; what it dies with in its hands is sent again then.
CLAIM_S = 60
# One message with its answers. Well within a claim: the clocks of two machines differ a little.
DELIVER_WITHIN_S = 40
# The message under way may be told that it arrived, or it would go out once more.
CLOSE_WITHIN_S = 3.0
FIRST_RETRY_S = 30
LONGEST_RETRY_S = 3600


class Undeliverable(Exception):
    """It can never be sent; the sentence says why, for the log."""


class Sending(abc.ABC):
    """One sending task per process and lane; `wake()` when something was written. Several processes on one database
    share the work: each claims some rows at a time."""

    lane: ClassVar[outbox_store.Lane]

    def __init__(self, state: State) -> None:
        self._state = state
        self._wake = asyncio.Event()
        self._one_batch = asyncio.Lock()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    @abc.abstractmethod
    def is_configured(self) -> bool:
        """Whether anything is set up that sends."""

    @abc.abstractmethod
    async def _deliver(self, row: OutboxRow) -> int | None:
        """Send it; the window start it named, if it named one.

        Raises Undeliverable, WebhookFailed, SMTPException, OSError, TimeoutError.
        """

    def wake(self) -> None:
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"outbox of {self.lane}")

    async def close(self) -> None:
        """Finish the message under way, if that is soon done, and leave the others to whoever sends next. One that is
        cut off is sent again, with the same id, by another process or after the restart."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_WITHIN_S)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            try:
                # Until nothing is due: what was just sent may have held up something else.
                while await self.send_due() and not self._closing:
                    pass
            except Exception:
                log.exception("the outbox could not be read; trying again")
            # Not wait_for: on Python 3.11 it swallows a cancellation that comes in the same turn as the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()

    async def send_due(self) -> int:
        """Send what is due now; how many rows were looked at. Waits for a batch that is under way."""
        async with self._one_batch:
            # Asked first, because a claim needs the writer of the database.
            async with self._state.database.read() as conn:
                is_due = await outbox_store.is_due(conn, lane=self.lane, now_s=self._state.now_s())
            if not is_due:
                return 0
            async with self._state.database.transaction() as conn:
                rows = await outbox_store.claim_due(
                    conn, now_s=self._state.now_s(), lease_s=CLAIM_S, limit=BATCH, lane=self.lane
                )
            await self._send(rows)
            return len(rows)

    async def _send(self, rows: Sequence[OutboxRow]) -> None:
        """One after another, each while the claim surely holds."""
        left = tuple(rows)
        while left:
            now_s, until_s = self._state.now_s(), left[0].claimed_until_s
            if self._closing:
                async with self._state.database.transaction() as conn:
                    await outbox_store.let_go(conn, left)
                return
            if until_s < now_s + DELIVER_WITHIN_S:
                # Never to the same instant as before: another claim might have been made to it.
                async with self._state.database.transaction() as conn:
                    left = await outbox_store.hold_on(conn, left, until_s=max(now_s + CLAIM_S, until_s + 1))
                continue
            row, *others = left
            left = tuple(others)
            await self._handle(row)

    async def _handle(self, row: OutboxRow) -> None:
        state = self._state
        outcome = "sent"
        told_window_start_s: int | None = None
        try:
            async with asyncio.timeout(DELIVER_WITHIN_S):
                told_window_start_s = await self._deliver(row)
        except Undeliverable as reason:
            outcome = "dead"
            async with state.database.transaction() as conn:
                await outbox_store.mark_dead(conn, message_key=row.message_key, reason=str(reason), now_s=state.now_s())
        except (WebhookFailed, aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            outcome = "failed"
            await self._postpone(row, error)
        else:
            async with state.database.transaction() as conn:
                await outbox_store.mark_sent(
                    conn,
                    message_key=row.message_key,
                    told_window_start_s=told_window_start_s,
                    now_s=state.now_s(),
                    rules=state.booking.rules,
                )
        state.metrics.messages.labels(row.kind, outcome).inc()

    async def _postpone(self, row: OutboxRow, error: Exception) -> None:
        state = self._state
        retry_s = state.now_s() + min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(row.attempts, 10))
        permanent = (isinstance(error, WebhookFailed) and error.permanent) or isinstance(
            error, aiosmtplib.SMTPRecipientsRefused
        )
        # Never the message of the error: SMTP servers repeat addresses and sometimes more.
        what = str(error) if isinstance(error, WebhookFailed) else type(error).__name__
        log.warning("message not taken (%s): %s", row.kind, what)
        async with state.database.transaction() as conn:
            if permanent:
                await outbox_store.mark_dead(conn, message_key=row.message_key, reason=what, now_s=state.now_s())
            else:
                await outbox_store.mark_failed(
                    conn, message_key=row.message_key, error=what, retry_s=retry_s, now_s=state.now_s()
                )
