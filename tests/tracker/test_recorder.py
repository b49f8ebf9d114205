import asyncio

import pytest

from tests.tracker.sockets import until
from tests.tracker.stores import MemoryTrackStore
from tests.tracker.test_store import a_row, a_state
from tracker import recorder as module
from tracker.recorder import Recorder
from tracker.records import DutyChange

SOON_S = 20.0


class Phone:
    """Remembers its acknowledgements and how many fixes were on disk at that moment."""

    def __init__(self, memory: MemoryTrackStore) -> None:
        self.memory = memory
        self.acknowledged: list[tuple[int, int]] = []
        self.told = asyncio.Event()

    def committed(self, upto: int) -> None:
        self.acknowledged.append((upto, len(self.memory.fixes)))
        self.told.set()


class DeadPhone:
    def committed(self, upto: int) -> None:
        raise ConnectionError("gone")


@pytest.fixture
async def recorder(memory, quick):
    recorder = Recorder(memory, states=lambda names: [a_state(technician_id=name) for name in sorted(names)])
    recorder.start()
    yield recorder
    memory.failing = False
    memory.gate.set()
    await recorder.stop()


async def told(phone: Phone) -> None:
    async with asyncio.timeout(SOON_S):
        await phone.told.wait()
    phone.told.clear()


async def attempted(memory: MemoryTrackStore, times: int) -> None:
    await until(lambda: memory.attempts >= times)


async def test_a_device_is_told_after_its_fixes_are_on_disk_and_not_before(recorder, memory):
    phone = Phone(memory)
    memory.gate.clear()
    recorder.add(a_row())
    recorder.owe(phone, 7)
    await attempted(memory, 1)
    assert phone.acknowledged == []
    assert recorder.waiting == 1

    memory.gate.set()
    await told(phone)

    assert phone.acknowledged == [(7, 1)]
    assert (recorder.waiting, recorder.committed_rows) == (0, 1)


async def test_of_one_batch_the_highest_time_is_acknowledged_once(recorder, memory):
    phone = Phone(memory)

    for upto in (5, 9, 3):
        recorder.add(a_row(fixed_at=upto))
        recorder.owe(phone, upto)
    await told(phone)

    assert phone.acknowledged == [(9, 3)]


async def test_fixes_of_one_moment_are_one_write_away_from_the_loops_thread(recorder, memory):
    for number in range(500):
        recorder.add(a_row(fixed_at=number))

    await recorder.committed()

    assert (memory.attempts, len(memory.fixes)) == (1, 500)
    assert all(name.startswith("fixes") for name in memory.threads)


async def test_last_states_are_written_with_the_batch(recorder, memory):
    recorder.touch("ana")
    recorder.touch("ana")

    await recorder.committed()

    assert memory.states == {"ana": a_state()}


async def test_with_nothing_to_write_a_wait_ends_at_once(recorder, memory):
    async with asyncio.timeout(SOON_S):
        await recorder.committed()

    assert memory.attempts == 0


async def test_small_writes_are_covered_by_the_commit(recorder, memory):
    recorder.also(lambda: memory.write_duty(DutyChange("ana", 5, "off_duty")))

    await recorder.committed()

    assert memory.kept_duties == [DutyChange("ana", 5, "off_duty")]


async def test_a_failing_disk_acknowledges_nothing_and_is_tried_again(recorder, memory):
    phone = Phone(memory)
    memory.failing = True
    recorder.add(a_row())
    recorder.owe(phone, 7)
    await attempted(memory, 3)
    assert phone.acknowledged == []
    assert recorder.failing
    # What comes meanwhile waits behind it.
    recorder.add(a_row(fixed_at=8))
    recorder.owe(phone, 8)

    memory.failing = False
    await told(phone)
    await recorder.committed()

    assert phone.acknowledged == [(7, 1), (8, 2)]
    assert not recorder.failing


async def test_too_much_waiting_is_full_and_empties_again(recorder, memory, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    memory.failing = True
    for number in range(4):
        recorder.add(a_row(fixed_at=number))
    await attempted(memory, 2)
    assert recorder.full

    memory.failing = False
    await recorder.committed()

    assert not recorder.full


async def test_a_device_that_cannot_be_told_does_not_stop_the_others(recorder, memory, caplog):
    phone = Phone(memory)
    recorder.add(a_row())
    recorder.owe(DeadPhone(), 1)
    recorder.when_committed(lambda: DeadPhone().committed(1))
    recorder.owe(phone, 2)
    await told(phone)

    recorder.add(a_row(fixed_at=3))
    recorder.owe(phone, 3)
    await told(phone)

    assert [upto for upto, _ in phone.acknowledged] == [2, 3]
    assert "a commit could not be told" in caplog.text


async def test_stopping_commits_what_is_left_and_tells_it(memory, quick):
    recorder = Recorder(memory, states=lambda names: [])
    phone = Phone(memory)
    recorder.start()
    recorder.add(a_row())
    recorder.owe(phone, 7)

    await recorder.stop()

    assert phone.acknowledged == [(7, 1)]


async def test_stopping_while_the_disk_fails_acknowledges_nothing(memory, quick):
    recorder = Recorder(memory, states=lambda names: [])
    phone = Phone(memory)
    memory.failing = True
    recorder.start()
    recorder.add(a_row())
    recorder.owe(phone, 7)
    await attempted(memory, 1)

    async with asyncio.timeout(SOON_S):
        await recorder.stop()

    assert phone.acknowledged == []
    assert memory.fixes == {}


async def some_turns() -> None:
    """Time enough for a batch, where ``BATCH_S`` is nothing."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_batch_that_nobody_waits_for_gathers_until_somebody_does(recorder, memory, monkeypatch):
    monkeypatch.setattr(module, "BATCH_S", 0)
    monkeypatch.setattr(module, "UNHURRIED_S", 3600.0)
    recorder.add(a_row(fixed_at=1))
    await some_turns()
    recorder.add(a_row(fixed_at=2))
    assert memory.attempts == 0

    async with asyncio.timeout(SOON_S):
        await recorder.committed()

    assert (memory.attempts, len(memory.fixes)) == (1, 2)


async def test_many_rows_do_not_wait_for_more(recorder, memory, monkeypatch):
    monkeypatch.setattr(module, "UNHURRIED_S", 3600.0)
    monkeypatch.setattr(module, "MANY_ROWS", 2)
    recorder.add(a_row(fixed_at=1))
    recorder.add(a_row(fixed_at=2))

    await attempted(memory, 1)


async def test_at_the_end_nothing_waits_for_company(memory, quick, monkeypatch):
    monkeypatch.setattr(module, "BATCH_S", 0)
    monkeypatch.setattr(module, "UNHURRIED_S", 3600.0)
    recorder = Recorder(memory, states=lambda names: [])
    recorder.start()
    recorder.add(a_row())
    await some_turns()

    async with asyncio.timeout(SOON_S):
        await recorder.stop()

    assert len(memory.fixes) == 1
