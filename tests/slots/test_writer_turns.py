from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from slots.errors import StorageUnavailable
from slots.writer_turns import KEEP_S, WriterTurns

SOON_S = 20.0


def _two(folder: Path, *, within_s: float = SOON_S) -> tuple[WriterTurns, WriterTurns]:
    """As two processes have them: each opens the files for itself."""
    return tuple(WriterTurns(folder / "enroute.db", within_s=within_s) for _ in range(2))


async def test_only_one_writes_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    async def write(turns: WriterTurns) -> None:
        nonlocal inside, most
        for _ in range(20):
            async with turns:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

    both = _two(tmp_path)
    await asyncio.gather(*(write(turns) for turns in both))

    assert (most, inside) == (1, 0)


async def test_who_writes_without_a_pause_lets_another_in_after_few_turns(tmp_path: Path) -> None:
    busy, patient = _two(tmp_path)
    written, asked, let_in = 0, asyncio.Event(), asyncio.Event()

    async def write_on() -> None:
        nonlocal written
        while not let_in.is_set():
            async with busy:
                await asyncio.sleep(0.02)  # what a long transaction takes
                written += 1
            if written == 5:
                asked.set()

    writing = asyncio.create_task(write_on())
    await asked.wait()
    before = written
    async with patient:
        waited = written - before
        let_in.set()
    await writing

    assert waited <= 20  # a thread that stands in the queue may start late on a busy machine


async def test_a_turn_that_does_not_come_is_given_up_and_a_later_one_comes(tmp_path: Path) -> None:
    theirs, ours = _two(tmp_path, within_s=0.01)
    async with theirs:
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await ours.__aenter__()
    patient = WriterTurns(tmp_path / "enroute.db", within_s=SOON_S)

    async with patient:
        pass
    async with ours:
        pass


async def test_writers_of_one_process_keep_its_turn_together_and_not_for_long(tmp_path: Path) -> None:
    ours, theirs = _two(tmp_path)
    order: list[str] = []

    async def write(turns: WriterTurns, name: str, *, inside_s: float) -> None:
        async with turns:
            order.append(name)
            await asyncio.sleep(inside_s)

    first = asyncio.create_task(write(ours, "ours", inside_s=KEEP_S / 4))
    await asyncio.sleep(0)
    other = asyncio.create_task(write(theirs, "theirs", inside_s=0))
    await asyncio.gather(first, other, *(write(ours, "ours", inside_s=KEEP_S / 4) for _ in range(12)))

    assert order[:2] == ["ours", "ours"]
    assert order.index("theirs") <= 10


async def test_a_turn_kept_for_somebody_who_is_then_canceled_is_passed_on(tmp_path: Path) -> None:
    ours, theirs = _two(tmp_path)

    async def write() -> None:
        async with ours:
            raise AssertionError("it was canceled")

    async with ours:
        waiting = asyncio.create_task(write())
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async with theirs:
        pass


async def test_who_is_canceled_while_waiting_keeps_nobody_out(tmp_path: Path) -> None:
    theirs, ours = _two(tmp_path)

    async def write() -> None:
        async with ours:
            raise AssertionError("it was not our turn")

    async with theirs:
        waiting = asyncio.create_task(write())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async with WriterTurns(tmp_path / "enroute.db", within_s=SOON_S):
        pass


async def test_where_no_file_can_be_made_the_database_must_do_alone(tmp_path: Path) -> None:
    async with WriterTurns(tmp_path / "missing" / "enroute.db", within_s=SOON_S):
        pass
