from tests.tracker.listeners import Clock
from tests.tracker.nodes import Nodes
from tests.tracker.stores import MemoryTrackStore
from tracker.bus import LocalBus


async def test_with_one_process_every_technician_is_its_own():
    nodes = Nodes(Clock(1_700_000_000_000))
    node = await nodes.start(MemoryTrackStore())

    assert LocalBus().alone
    assert node.technician("ana").owned
    await nodes.stop(node)
