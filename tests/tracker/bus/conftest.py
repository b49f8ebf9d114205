import pytest

from tests.tracker.bus.processes import Processes
from tracker.bus import interest


@pytest.fixture
async def processes(monkeypatch):
    # Who is asked does answer, also when the machine stands still for a moment.
    monkeypatch.setattr(interest, "FIRST_VIEW_S", 20.0)
    several = Processes()
    yield several
    await several.stop()


@pytest.fixture
async def one(processes):
    return await processes.start("one")


@pytest.fixture
async def other(processes):
    return await processes.start("other")
