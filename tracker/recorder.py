"""Commits fixes in batches, beside the hot path: watchers never wait for a disk, acknowledgements always do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tracker.pending import Acknowledged, Pending
from tracker.records import FixRow, LastState, ToldArrival
from tracker.store import TrackStore

BATCH_S = 0.1
UNHURRIED_S = 0.25
"""A batch that nobody stands waiting for gathers so long: a commit costs as much as storing some two hundred fixes."""
MANY_ROWS = 2_000
"""A batch that has so many rows after ``BATCH_S`` is written then."""
MAX_WAITING = 200_000
"""Rows that may wait for a slow disk (about 40 MB); beyond it devices are told to come back later."""
BEHIND = 50_000
"""From so many rows on the disk, or the processor, is behind: of what one device sent in a row the newest has to do."""
RETRY_S = 1.0
NICE = 10
"""A tenth of a processor that is contended for, all of it otherwise (Linux: niceness is a thread's own)."""

T = TypeVar("T")
log = logging.getLogger("enroute.recorder")


class Recorder:
    """``add`` queues a row; ``committed`` gives a future for everything queued so far.

    A batch that fails (disk full, database away) stays queued and is tried again: nothing is acknowledged
    meanwhile, and ``full`` turns true when too much waits.
    """

    def __init__(self, store: TrackStore, *, states: Callable[[set[str]], list[LastState]]) -> None:
        self._store = store
        self._states = states
        self.pending = Pending()
        # Goes with the next batch; whoever puts something here also adds a row or wakes the recorder.
        self.told: list[ToldArrival] = []
        self._dirty: set[str] = set()
        self._waiters: list[Callable[[], None]] = []
        self._extra: list[Callable[[], None]] = []
        self._writing = 0
        self._wake = asyncio.Event()
        # Somebody waits for this batch.
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fixes", initializer=_stand_back)
        self._stopping = False
        self.failing = False
        self.committed_rows = 0

    @property
    def rows(self) -> list[FixRow]:
        return self.pending.rows

    @property
    def full(self) -> bool:
        """So much waits that nothing more may be taken."""
        return self.pending.full

    @property
    def waiting(self) -> int:
        return len(self.pending.rows) + self._writing

    @property
    def behind(self) -> bool:
        """More comes in than can be written, although writing goes well."""
        return not self.failing and len(self.pending.rows) + self._writing > BEHIND

    @property
    def taken_rows(self) -> int:
        """Rows added since the start, written or not."""
        return self.committed_rows + self.waiting

    def add(self, row: FixRow) -> None:
        self.pending.rows.append(row)
        self.added()

    def added(self) -> None:
        """Rows were put into ``pending`` directly: the hot path does so for a whole turn
        and says it once."""
        self._wake.set()
        if len(self.pending.rows) > MAX_WAITING:
            self.pending.full = True

    def touch(self, technician_id: str) -> None:
        """The technician's last state changed and is to be kept with the next batch."""
        if technician_id not in self._dirty:
            self._dirty.add(technician_id)
            self._wake.set()

    def also(self, write: Callable[[], None]) -> None:
        """Another small write (in the worker thread) with the next batch; ``committed`` covers it."""
        self._extra.append(write)
        self._hurry.set()
        self._wake.set()

    def owe(self, device: Acknowledged, upto: int) -> None:
        """Tell the device after everything added so far is on disk. The highest ``upto`` of a batch counts: late
        fixes come after newer ones."""
        self._wake.set()
        if self.pending.acks.get(device, -1) < upto:
            self.pending.acks[device] = upto

    def when_committed(self, callback: Callable[[], None]) -> None:
        """Call back, once, after everything added so far is on disk."""
        self._waiters.append(callback)
        self._hurry.set()
        self._wake.set()

    async def committed(self) -> None:
        """Wait until everything added so far is on disk."""
        done = asyncio.get_running_loop().create_future()
        self.when_committed(lambda: None if done.done() else done.set_result(None))
        await done

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="fix recorder")

    async def stop(self) -> None:
        """Commit what is left, then stop."""
        self._stopping = True
        self._hurry.set()
        self._wake.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=True)

    async def in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if not self._stopping:
                await self._company()
            self._wake.clear()
            self._hurry.clear()
            rows, self.pending.rows = self.pending.rows, []
            told, self.told = self.told, []
            dirty, self._dirty = self._dirty, set()
            waiters, self._waiters = self._waiters, []
            acks, self.pending.acks = self.pending.acks, {}
            extra, self._extra = self._extra, []
            if (rows or dirty or told or extra) and not await self._commit(rows, dirty, told, extra):
                return
            for callback in waiters:
                _call(callback)
            for device, upto in acks.items():
                _call(device.committed, upto)
            if self._stopping and not (
                self.pending.rows or self._dirty or self._extra or self._waiters or self.pending.acks
            ):
                return

    async def _company(self) -> None:
        """Let more come for the same batch."""
        await asyncio.sleep(BATCH_S)
        if len(self.pending.rows) < MANY_ROWS:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UNHURRIED_S - BATCH_S):
                    await self._hurry.wait()

    async def _commit(
        self, rows: list[FixRow], dirty: set[str], told: list[ToldArrival], extra: list[Callable[[], None]]
    ) -> bool:
        """Write one batch, trying again until it succeeds; False when the process stops before it does."""
        loop = asyncio.get_running_loop()
        self._writing = len(rows)
        while True:
            self.pending.full = self.waiting > MAX_WAITING
            states = self._states(dirty)
            try:
                await loop.run_in_executor(self._thread, self._write, rows, states, told, extra)
            except Exception as error:
                if not self.failing:
                    log.error("fixes cannot be written, devices wait: %s", error)
                self.failing = True
                if self._stopping:
                    log.error("%d fixes were never acknowledged and are left to their devices", len(rows))
                    return False
                await asyncio.sleep(RETRY_S)
            else:
                if self.failing:
                    log.warning("fixes are written again")
                self.failing = False
                self.committed_rows += len(rows)
                self._writing = 0
                self.pending.full = self.waiting > MAX_WAITING
                return True

    def _write(
        self,
        rows: list[FixRow],
        states: list[LastState],
        told: list[ToldArrival],
        extra: list[Callable[[], None]],
    ) -> None:
        self._store.write(rows, states, told)
        for write in extra:
            write()


def _stand_back() -> None:
    """Where the event loop and this thread want the same processor, it is the watchers' first."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _call(callback: Callable[..., None], *values: int) -> None:
    """One device that cannot be told must not stop the writing of all others."""
    try:
        callback(*values)
    except Exception:
        log.exception("a commit could not be told")
