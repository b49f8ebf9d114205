"""What is announced to, and read afresh for, the other processes of an installation."""

import asyncio
from types import SimpleNamespace

import pytest

from slots.model import Status
from tests.tracker.bus.processes import Processes, own
from tests.tracker.nodes import visit_facts
from web.announcements import Announcements, SwitchesChanged
from web.catching_up import catch_up


@pytest.fixture
async def several():
    made = Processes()
    yield made
    await made.stop()


async def test_catching_up_closes_a_trip_whose_newer_facts_a_watcher_brought(several):
    one = await several.start("one")
    several.set_off()
    await own(several, one)
    one.offer_facts("visit", visit_facts(version=2, status="in_progress"))
    taken = []
    bridge = SimpleNamespace(take_up=lambda view, driver: taken.append(driver))
    state = SimpleNamespace(node=one, bridge=bridge)
    view = SimpleNamespace(id="visit", version=2, status=Status.IN_PROGRESS, technician=SimpleNamespace(id="ana"))
    await catch_up(state, view)
    assert taken == ["ana"]


async def test_an_announcement_whose_handler_waits_counts_when_it_is_done(several):
    one, other = await several.start("one"), await several.start("other")
    here, there = Announcements(one.bus), Announcements(other.bus)
    done = []

    async def handler():
        await asyncio.sleep(0)
        done.append(True)

    there.handle(SwitchesChanged, lambda told: handler())
    await here.to_all(SwitchesChanged())

    assert done == [True]
