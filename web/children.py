"""Programs that live no longer than the block that started them."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, Process
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
