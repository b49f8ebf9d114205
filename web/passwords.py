"""Password hashing with argon2id, off the event loop and out of its way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from web.problems import Problem, retry_later

T = TypeVar("T")

# OWASP's smallest recommended argon2id setting: 19 MiB and about 25 ms, which a small machine bears twice at a time.
_MEMORY_KIB = 19_456
_PASSES = 2

# Two hashes at once use 38 MiB; more would only fight for the same cores as the positions do.
_THREADS = 2

# A crowd that signs in at once waits its turn for about three seconds; beyond that it is told to come back.
_MAX_WAITING = 256

MIN_LENGTH = 8
MAX_LENGTH = 1000


class Passwords:
    """Hashes and verifies. One per process; `close()` when done."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1, type=Type.ID)
        # Verified in place of a real hash when the e-mail is unknown, so that both answers take the same time.
        self._nobody = self._hasher.hash("nobody has this password")
        self._pool = ThreadPoolExecutor(_THREADS, "passwords", initializer=_yield_to_the_event_loop)
        self._turns = asyncio.Semaphore(_THREADS)
        self._waiting = 0

    def hash_now(self, password: str) -> str:
        """Blocks for about 25 ms: for commands, not for the server."""
        return self._hasher.hash(password)

    async def hash(self, password: str) -> str:
        return await self._run(self._hasher.hash, password)

    async def matches(
        self, password_hash: str | None, password: str, *, gate: Callable[[], Awaitable[None]] | None = None
    ) -> bool:
        """Takes the same time when there is no hash (nobody has this e-mail, or no password was chosen yet).

        `gate` is awaited when it is this try's turn and may raise: a limit checked earlier could be overrun by many
        tries that wait together.
        """
        hashed = password_hash or self._nobody
        fits = await self._run(self._verify, hashed, password[:MAX_LENGTH], gate=gate)
        return fits and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker settings than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *args: str, gate: Callable[[], Awaitable[None]] | None = None) -> T:
        if self._waiting >= _MAX_WAITING:
            raise retry_later("busy", 5, "Many people are signing in right now.")
        self._waiting += 1
        try:
            async with self._turns:
                if gate is not None:
                    await gate()
                return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def _yield_to_the_event_loop() -> None:
    # On Linux a thread has a niceness of its own: with more of it, hashing never delays a position on a busy core.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def check_password(password: str) -> None:
    """Problem `password_weak` when nobody should use it. Length is the only rule that helps."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Problem("password_weak", f"A password has at least {MIN_LENGTH} and at most {MAX_LENGTH} characters.")
    if len(set(password)) < 3:
        raise Problem("password_weak", "This is the same character again and again.")
