"""Writers of several processes take turns at one SQLite file.

SQLite lets who waits for a writer look again now and then: a process that writes without a pause can keep another out
for longer than that one is willing to wait. Here the system wakes the next one, and nobody overtakes: a writer stands
in the queue (first lock) until the file is theirs (second lock), and who has just written queues behind them. Passing
it on costs two switches of threads, so a process with more to write keeps it for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import Self

from slots.errors import StorageUnavailable

KEEP_S = 0.2
"""How long a process may keep its turn for writers of its own: some dozens of transactions, and no more than a customer
at another process would notice."""


class WriterTurns:
    """`async with turns:` one writer of this process and all others. The file has one writer anyway, and waiting in the
    database costs a hundred times more than waiting here.

    Raises StorageUnavailable when the turn does not come `within_s`. `close` it at the end.
    """

    def __init__(self, database: Path, *, within_s: float) -> None:
        self._paths = [database.with_name(f"{database.name}-{name}") for name in ("queue", "writer")]
        self._within_s = within_s
        self._files: list[int] = []
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._kept = False
        self._since_s = 0.0
        # A thread stands in the queue for us; and whether somebody still waits for what it brings.
        self._standing: asyncio.Future[None] | None = None
        self._wanted = False

    async def __aenter__(self) -> Self:
        self._waiting += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._waiting -= 1
            if self._kept and not self._waiting and not self._lock.locked():
                self._let_go()  # it was kept for us alone
            raise
        self._waiting -= 1
        if not self._kept:
            try:
                await self._turn()
            except BaseException:
                self._lock.release()
                raise
            self._since_s = asyncio.get_running_loop().time()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._kept = self._waiting > 0 and asyncio.get_running_loop().time() - self._since_s < KEEP_S
        if not self._kept:
            self._let_go()
        self._lock.release()

    async def _turn(self) -> None:
        if not self._opened() or (self._standing is None and self._taken_at_once()):
            return
        standing = self._standing or self._stand()
        self._wanted = True
        try:
            async with asyncio.timeout(self._within_s):
                await asyncio.shield(standing)
        except BaseException as error:
            self._wanted = False
            if standing.done():
                self._turn_came()
            if isinstance(error, TimeoutError):
                raise StorageUnavailable from error
            raise
        self._standing = None

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files = []

    def _opened(self) -> bool:
        """False where no file can be made beside the database: SQLite's own lock has to do there."""
        if not self._files:
            files: list[int] = []
            try:
                for path in self._paths:
                    files.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
            except OSError:
                for file in files:
                    os.close(file)
                return False
            self._files = files
        return True

    def _taken_at_once(self) -> bool:
        queue, writer = self._files
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)
        return True

    def _stand(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        standing = self._standing = loop.create_future()
        queue, writer = self._files

        def turn_came() -> None:
            standing.set_result(None)
            if not self._wanted:
                self._turn_came()

        def wait() -> None:
            # The files may be closed meanwhile, and the loop with them: then nobody wants the turn any more.
            with contextlib.suppress(OSError):
                fcntl.flock(queue, fcntl.LOCK_EX)
                fcntl.flock(writer, fcntl.LOCK_EX)
                fcntl.flock(queue, fcntl.LOCK_UN)
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(turn_came)

        # A daemon: a process that stops does not wait for another one's writer.
        threading.Thread(target=wait, name="writer's turn", daemon=True).start()
        return standing

    def _turn_came(self) -> None:
        """For nobody: who waited has given up."""
        self._standing = None
        self._let_go()

    def _let_go(self) -> None:
        self._kept = False
        if self._files:
            fcntl.flock(self._files[1], fcntl.LOCK_UN)
