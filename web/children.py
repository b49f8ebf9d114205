"""Programs that live no longer than the block that started them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

STOP_WITHIN_S = 15.0


async def finished(command: list[str], environment: dict[str, str]) -> str | None:
    """None when the command succeeded, else its last words."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=environment
    )
    try:
        _, complaint = await process.communicate()
    except asyncio.CancelledError:
        await _stopped(process)
        raise
    return None if process.returncode == 0 else complaint.decode(errors="replace").strip()[-800:]


async def answered(command: list[str], environment: dict[str, str], *, nice: int = 0) -> tuple[int, str]:
    """The exit code and everything it said. In a session of its own: Ctrl+C is for the server to pass on."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment, start_new_session=True
    )
    try:
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        await _stopped(process)
        raise
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


@asynccontextmanager
async def running(
    command: list[str], log: IO[bytes], environment: dict[str, str], *, stdin: int = DEVNULL
) -> AsyncIterator[Process]:
    """A child for as long as the block; then it is asked to stop, and after a while made to."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=stdin, stdout=PIPE, stderr=log, env=environment, start_new_session=True
    )
    try:
        yield process
    finally:
        await _stopped(process)


async def _stopped(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
