"""The server's end of the road worker: starts it when it is first wanted, and again when it died."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import TypeVar

from tracker.errors import RoadsUnavailable
from tracker.roads.worker_messages import LENGTH, Answer, Failed, NewSeconds, Request, decode_answer, framed

ROOT = Path(__file__).resolve().parents[2]
"""Where the worker imports from: the code that this server runs, wherever it was started."""
READ_AHEAD = 1 << 20
ENDS_WITHIN_S = 2.0

A = TypeVar("A", bound=Answer)


class WorkerLink:
    """Requests to one worker, one at a time, in the order in which they were made."""

    def __init__(self, graph_file: Path, *, timeout_s: float = 30.0) -> None:
        self.timeout_s = timeout_s
        self.starts = 0
        """How often a worker was started."""
        self._graph_file = graph_file.resolve()
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._number = 0
        self._expected: int | None = None
        self._edge_s: bytes | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def ask(self, request: Request, *kinds: type[A]) -> A:
        """The answer, which is of one of ``kinds``. ``request.number`` must come from ``next_number``.

        Raises RoadsUnavailable when the worker died, took longer than ``timeout_s``, or says that it failed.
        """
        async with self._turn:
            try:
                async with asyncio.timeout(self.timeout_s):
                    answer = await self._answer(request)
            except TimeoutError:
                await self._end(within_s=0.0)
                raise RoadsUnavailable(f"no answer from the road worker within {self.timeout_s:g} s") from None
        if isinstance(answer, kinds):
            return answer
        problem = answer.problem if isinstance(answer, Failed) else f"an unexpected {type(answer).__name__}"
        raise RoadsUnavailable(f"the road worker failed: {problem}")

    def next_number(self) -> int:
        self._number += 1
        return self._number

    async def use_seconds(self, edge_s: bytes | None) -> None:
        """Make trees with these seconds from now on, also after a restart. Raises RoadsUnavailable."""
        self._edge_s = edge_s
        if self._process is not None or self._turn.locked():
            await self.ask(NewSeconds(self.next_number(), edge_s), Answer)

    async def close(self) -> None:
        await self._end(within_s=ENDS_WITHIN_S)

    async def _answer(self, request: Request) -> Answer:
        with contextlib.suppress(OSError, EOFError):
            return await self._exchange(request)
        # It may have died long ago, for reasons of its own; if this request kills it, it does so twice.
        await self._end(within_s=0.0)
        try:
            return await self._exchange(request)
        except (OSError, EOFError) as error:
            code = await self._end(within_s=ENDS_WITHIN_S)
            raise RoadsUnavailable(f"the road worker ended twice (exit code {code})") from error

    async def _exchange(self, request: Request) -> Answer:
        process = self._process
        if process is None or process.returncode is not None:
            process = await self._start()
        assert process.stdin is not None
        process.stdin.write(framed(request))
        await process.stdin.drain()
        return await self._answer_to(process, request.number)

    async def _answer_to(self, process: Process, number: int) -> Answer:
        assert process.stdout is not None
        while True:
            # Who gave up waiting left an answer behind, perhaps half read.
            if self._expected is None:
                (self._expected,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
            body = await process.stdout.readexactly(self._expected)
            self._expected = None
            answer = decode_answer(body)
            if answer.number == number:
                return answer

    async def _start(self) -> Process:
        await self._end(within_s=0.0)
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tracker.roads.worker", str(self._graph_file)),
            stdin=PIPE,
            stdout=PIPE,
            limit=READ_AHEAD,
            cwd=ROOT,
        )
        self.starts += 1
        if self._edge_s is not None:
            assert process.stdin is not None
            request = NewSeconds(self.next_number(), self._edge_s)
            process.stdin.write(framed(request))
            await self._answer_to(process, request.number)
        return process

    async def _end(self, *, within_s: float) -> int | None:
        """Let the worker end by itself, then kill it; its exit code."""
        process, self._process, self._expected = self._process, None, None
        if process is None:
            return None
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                return await process.wait()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()
