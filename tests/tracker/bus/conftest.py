import pytest

from tests.tracker.bus.processes import Processes
from tracker.bus import interest


@pytest.fixture
async def processes(monkeypatch):
    monkeypatch.setattr(interest, "FIRST_VIEW_S", 0.05)
    several = Processes()
    yield several
    await several.stop()


@pytest.fixture
async def one(processes):
    return await processes.start("one")


@pytest.fixture
async def other(processes):
    return await processes.start("other")
