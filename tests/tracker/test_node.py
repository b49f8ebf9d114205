import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine

from tests.tracker.journeys import NOW_MS, PLACE, drive, fix_at
from tests.tracker.listeners import Clock, Listener
from tests.tracker.sockets import until
from tests.tracker.stores import MemoryTrackStore
from tests.tracker.test_live import facts
from tests.tracker.test_route import decode_polyline6, line
from tracker import node as module
from tracker import recorder as recorder_module
from tracker.errors import NotTracked
from tracker.filters import CURRENT, LATE, Rejection
from tracker.hub import SLICE, Hub, Message
from tracker.messages import Since, TechnicianCard
from tracker.node import Node
from tracker.records import LastState
from tracker.route import Route
from tracker.store import SqlTrackStore, TrackStore, metadata

MINUTE_MS = 60_000
DESTINATION = PLACE.lat_lon(east_m=3_000, north_m=0)
HOME_ZONE = (PLACE.lat, PLACE.lon, 150.0)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW_MS)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path: Path):
    if request.param == "memory":
        yield MemoryTrackStore()
        return
    url = f"sqlite:///{tmp_path / 'tracks.db'}"
    engine = create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    sql = SqlTrackStore(url)
    yield sql
    sql.close()


@pytest.fixture
def memory() -> MemoryTrackStore:
    return MemoryTrackStore()


class Nodes:
    """Starts nodes on one clock, and stops those that still run at the end."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.running: list[Node] = []

    async def start(self, store: TrackStore, **parts) -> Node:
        node = Node(hub=Hub(now_ms=self.clock), store=store, now_ms=self.clock, **parts)
        await node.start()
        self.running.append(node)
        return node

    async def stop(self, node: Node) -> None:
        self.running.remove(node)
        await node.stop()


@pytest.fixture
async def nodes(clock, monkeypatch) -> AsyncIterator[Nodes]:
    monkeypatch.setattr(recorder_module, "BATCH_S", 0.005)
    monkeypatch.setattr(recorder_module, "RETRY_S", 0.005)
    nodes = Nodes(clock)
    yield nodes
    for node in list(nodes.running):
        await nodes.stop(node)


@pytest.fixture
async def node(nodes, memory) -> Node:
    return await nodes.start(memory)


def visit_facts(version: int = 1, **changed):
    lat, lon = DESTINATION
    return facts(version=version, destination_lat=lat, destination_lon=lon, **changed)


def set_off(node: Node, technician_id: str = "ana", trip_id: str = "visit", **changed) -> None:
    since_ms = changed.pop("since_ms", None)
    node.open_trip(
        trip_id=trip_id,
        technician_id=technician_id,
        facts=visit_facts(**changed),
        now_ms=node.now_ms(),
        since_ms=since_ms,
    )


def close(node: Node, reason: str, *, version: int = 2) -> None:
    status = {"undone": "scheduled"}.get(reason, reason)
    node.close_trip(
        trip_id="visit", facts=visit_facts(version=version, status=status), reason=reason, now_ms=node.now_ms()
    )


def watch(node: Node, *, trip_id: str = "visit", room: int = 1 << 30) -> Listener:
    """Subscribe and snapshot in one breath; the listener's first message is the welcome."""
    listener = Listener(node.hub, node.topic(trip_id), room=room)
    welcome = Message(node.welcome(trip_id, node.now_ms()))
    listener.frames.append(welcome.frame)
    return listener


def report(node: Node, *fixes, technician_id: str = "ana"):
    """Fixes of one read, at the time of the newest of them."""
    node.now_ms.now_ms = max(node.now_ms(), *(fix.fixed_at for fix in fixes))
    return node.ingest(technician_id, list(fixes), node.now_ms())


def kinds(listener: Listener) -> list[str]:
    return [message["type"] for message in listener.told]


def snapshot(node: Node, trip_id: str = "visit"):
    return node.snapshot(trip_id, node.now_ms())


# The hot path


async def test_a_fix_is_told_to_every_watcher_of_the_visit(node):
    set_off(node)
    watchers = [watch(node) for _ in range(3)]

    verdicts = report(node, fix_at(s=1, east_m=10, heading_deg=90))

    assert verdicts == [CURRENT]
    for listener in watchers:
        (told,) = listener.of_type("position")
        assert (told["lat_e6"], told["fixed_at"], told["freshness"]) == (41_150_000, NOW_MS + 1000, "live")
        assert told["eta_low_at"] <= told["eta_at"] <= told["eta_high_at"]
    assert len({id(listener.frames[1]) for listener in watchers}) == 1


async def test_of_one_read_every_fix_is_recorded_and_the_newest_told(node, memory):
    set_off(node)
    listener = watch(node)

    report(node, *(fix_at(s=s, east_m=9 * s) for s in range(1, 30)))
    await node.recorder.committed()

    assert [told["fixed_at"] for told in listener.of_type("position")] == [NOW_MS + 29_000]
    assert len(memory.history("visit")) == 29


async def test_a_late_fix_goes_to_history_and_not_to_the_map(node, memory):
    set_off(node)
    listener = watch(node)
    report(node, fix_at(s=60, east_m=500))
    told = len(listener.frames)
    destination_m = 3_000

    verdicts = report(node, *(fix_at(s=s, east_m=destination_m, speed_mps=0) for s in range(20, 50, 5)))
    await node.recorder.committed()

    assert verdicts == [LATE] * 6
    assert len(listener.frames) == told
    assert [row.late for row in memory.history("visit")] == [True] * 6 + [False]


async def test_every_refusal_is_counted_by_its_reason_and_nothing_of_it_is_kept(node, memory):
    nan = float("nan")
    report(node, fix_at(s=0))
    refused = [
        fix_at(s=1, accuracy_m=9_999),
        fix_at(s=0),
        fix_at(s=10**6),
        fix_at(s=-(10**6)),
        fix_at(s=1, east_m=30_000),
        fix_at(s=1, speed_mps=nan),
    ]

    verdicts = node.ingest("ana", refused, NOW_MS + 1000)
    await node.recorder.committed()

    names = ["inaccurate", "duplicate", "future", "stale", "impossible_speed", "not_finite"]
    assert [verdict.value for verdict in verdicts] == names
    assert node.rejections == dict.fromkeys(names, 1)
    assert (node.fixes_accepted, len(memory.fixes)) == (1, 1)


async def test_a_fix_for_nobody_is_recorded_and_told_to_nobody(node, memory):
    assert report(node, fix_at(s=1)) == [CURRENT]
    await node.recorder.committed()

    assert memory.fixes["ana", NOW_MS + 1000].trip_id is None
    assert node.hub.delivered == 0


async def test_seq_only_grows_and_everybody_sees_the_same_numbers(node):
    set_off(node)
    one, other = watch(node), watch(node)

    for s in range(1, 300, 3):
        report(node, fix_at(s=s, east_m=6 * s))
        if s % 50 == 1:
            node.update_facts(trip_id="visit", facts=visit_facts(version=2 + s), now_ms=node.now_ms())

    seqs = [message["seq"] for message in one.told]
    assert seqs == sorted(set(seqs))
    assert one.told == other.told
    assert snapshot(node).seq == seqs[-1]


async def test_the_arrival_is_suggested_to_the_technician_once_and_ends_nothing(node):
    set_off(node)
    listener = watch(node)
    device = Listener(node.hub, "technician:ana")

    for s in range(0, 60, 2):
        report(node, fix_at(s=s, east_m=2_990, speed_mps=0.3))

    assert [message["type"] for message in device.told] == ["arrival"]
    assert [told["reason"] for told in listener.of_type("eta")].count("arrived") == 1
    assert snapshot(node).status == "traveling"


async def test_the_told_arrival_rests_while_the_drive_goes_on_as_expected(nodes, memory):
    class Road:
        async def route(self, **ends) -> Route:
            return line((0, 0), (3_000, 0), total_s=300)

    node = await nodes.start(memory, roads=Road())
    set_off(node)
    listener = watch(node)
    report(node, fix_at())
    await until(lambda: listener.of_type("route"))

    for fix in drive(every_s=1, mps=10, lasting_s=240, rms_m=4):
        report(node, fix)

    instants = {told["eta_at"] for told in listener.of_type("position")[1:]}
    assert len(instants) == 1
    assert instants.pop() == pytest.approx(NOW_MS + 300_000, abs=2_000)


# Grants: who may see where, when


async def test_nothing_fixed_before_setting_off_is_ever_shown(node, memory):
    report(node, fix_at(s=0))
    node.now_ms.pass_s(100)
    set_off(node)
    listener = watch(node)

    node.ingest("ana", [fix_at(s=50, east_m=50), fix_at(s=99, east_m=90)], node.now_ms())
    await node.recorder.committed()

    assert not listener.of_type("position")
    assert "position" not in listener.told[0]["snapshot"]
    assert snapshot(node).position is None
    assert memory.history("visit") == []


async def test_in_a_hidden_zone_arrival_times_are_told_and_places_are_not(node):
    set_off(node, hidden_zones=(HOME_ZONE,))
    listener = watch(node)

    for s in range(0, 40, 5):
        report(node, fix_at(s=s, east_m=9 * s))
    told_m = [(told["lon_e6"] / 1e6 - PLACE.lon) * PLACE.east_m_per_deg for told in listener.of_type("position")]
    report(node, fix_at(s=60, east_m=0))

    assert listener.of_type("eta")
    assert told_m
    assert min(told_m) > 150
    # Left once is left.
    assert len(listener.of_type("position")) == len(told_m) + 1


async def test_the_route_line_never_begins_in_the_hidden_zone(nodes, memory, monkeypatch):
    monkeypatch.setattr(module, "ROUTE_EVERY_S", 0.0)

    class Road:
        async def route(self, *, lat, lon, to_lat, to_lon) -> Route:
            return Route([(lat, lon), (to_lat, to_lon)], total_s=300)

    node = await nodes.start(memory, roads=Road())
    set_off(node, hidden_zones=(HOME_ZONE,))
    listener = watch(node)
    report(node, fix_at(s=0))
    await until(lambda: node._trips["visit"].motion.progress is not None)
    held = (listener.of_type("route"), snapshot(node).route)

    report(node, fix_at(s=30, east_m=300))
    await until(lambda: listener.of_type("route"))

    assert held == ([], None)
    begins = [decode_polyline6(text)[0] for text in (listener.of_type("route")[0]["polyline6"], snapshot(node).route)]
    assert begins == [pytest.approx(PLACE.lat_lon(east_m=300, north_m=0), abs=1e-5)] * 2


async def test_one_technician_is_never_shown_on_the_visit_of_another(node):
    set_off(node, "ana")
    set_off(node, "rui", trip_id="other")
    listener, other = watch(node), watch(node, trip_id="other")

    report(node, fix_at(s=1), technician_id="rui")

    assert (len(listener.of_type("position")), len(other.of_type("position"))) == (0, 1)


@pytest.mark.parametrize("reason", ["in_progress", "completed", "canceled", "undone"])
async def test_after_closing_not_one_position_leaves(node, reason):
    set_off(node)
    live, stalled = watch(node), watch(node, room=1)
    report(node, fix_at(s=1))
    report(node, fix_at(s=2, east_m=10))
    report(node, fix_at(s=3, east_m=20))
    live.frames.clear()
    stalled.frames.clear()

    close(node, reason)
    report(node, fix_at(s=4, east_m=30))
    stalled.drain()

    assert not live.of_type("position")
    assert not stalled.of_type("position")
    assert "status" in kinds(live)
    if node._trips.get("visit") is not None:
        assert snapshot(node).position is None
        assert snapshot(node).eta is None
    assert node.watched("ana") is None


async def test_closing_takes_the_positions_out_of_the_queue_of_a_crowd(node):
    set_off(node)
    crowd = [watch(node) for _ in range(2 * SLICE)]
    report(node, fix_at(s=1))
    report(node, fix_at(s=2, east_m=10))
    told = [len(listener.of_type("position")) for listener in crowd]

    close(node, "in_progress")
    for _ in range(20):
        await asyncio.sleep(0)

    assert [len(listener.of_type("position")) for listener in crowd] == told
    assert all(listener.told[-1]["status"] == "in_progress" for listener in crowd)


@pytest.mark.parametrize("count", [1, SLICE + 1])
@pytest.mark.parametrize("reason", ["completed", "canceled"])
async def test_the_end_of_a_visit_tells_state_and_end_to_everybody_and_lets_them_go(node, reason, count):
    set_off(node)
    watchers = [watch(node) for _ in range(count)]

    close(node, reason)

    for listener in watchers:
        assert kinds(listener) == ["welcome", "status", "end"]
        assert listener.told[-1]["reason"] == reason
        assert listener.cuts == [4510]
    assert node.hub.count() == 0
    with pytest.raises(NotTracked):
        snapshot(node)


async def test_switching_tracking_off_empties_the_mailboxes_too_and_on_shows_again(node):
    set_off(node)
    stalled = watch(node, room=1)
    report(node, fix_at(s=1))
    report(node, fix_at(s=2, east_m=10))

    node.update_facts(trip_id="visit", facts=visit_facts(tracking=False), now_ms=node.now_ms())
    report(node, fix_at(s=3, east_m=20))
    stalled.drain()
    hidden = snapshot(node)
    node.update_facts(trip_id="visit", facts=visit_facts(tracking=True), now_ms=node.now_ms())
    report(node, fix_at(s=4, east_m=30))

    assert (hidden.position, hidden.eta) == (None, None)
    assert [told["fixed_at"] - NOW_MS for told in stalled.of_type("position")] == [1000, 4000]
    assert [told["tracking"] for told in stalled.of_type("status")] == [False, True]


async def test_setting_off_to_another_visit_ends_the_first_ones_right(node):
    set_off(node)
    stalled = watch(node, room=1)
    report(node, fix_at(s=1))
    report(node, fix_at(s=2, east_m=10))

    set_off(node, trip_id="other")
    other = watch(node, trip_id="other")
    report(node, fix_at(s=3, east_m=20))
    stalled.drain()

    assert len(stalled.of_type("position")) == 1
    assert len(other.of_type("position")) == 1
    assert snapshot(node).position is None


# Reassignment


async def test_reassignment_ends_the_old_stream_before_the_new_one_begins(node):
    set_off(node, technician=TechnicianCard(name="Ana"))
    live, stalled = watch(node), watch(node, room=1)
    report(node, fix_at(s=1))
    report(node, fix_at(s=2, east_m=10))
    report(node, fix_at(s=3, north_m=2_000), technician_id="rui")

    node.reassign_trip(
        trip_id="visit",
        technician_id="rui",
        facts=visit_facts(version=2, technician=TechnicianCard(name="Rui")),
        now_ms=node.now_ms() + 1000,
        traveling=True,
    )
    node.now_ms.pass_s(1)
    report(node, fix_at(s=5, east_m=20))
    report(node, fix_at(s=6, north_m=1_900), technician_id="rui")
    stalled.drain()

    for listener in (live, stalled):
        told = listener.told
        change = kinds(listener).index("technician")
        assert told[change]["name"] == "Rui"
        assert all(message["lat_e6"] == 41_150_000 for message in told[:change] if message["type"] == "position")
        after = [message["lat_e6"] for message in told[change:] if message["type"] == "position"]
        assert after
        assert min(after) > 41_160_000
    assert node.watched("ana") is None
    assert snapshot(node).technician == TechnicianCard(name="Rui")


async def test_reassigning_a_visit_nobody_travels_to_only_tells_the_name(node):
    node.offer_facts("visit", visit_facts(status="scheduled"))
    listener = watch(node)

    node.reassign_trip(
        trip_id="visit",
        technician_id="rui",
        facts=visit_facts(version=2, status="scheduled", technician=TechnicianCard(name="Rui")),
        now_ms=NOW_MS,
    )

    assert kinds(listener) == ["welcome", "technician", "status"]
    assert node.watched("rui") is None


async def test_opening_a_running_trip_for_another_technician_lets_go_of_the_first(node):
    set_off(node, "ana")
    listener = watch(node)

    set_off(node, "rui", version=2)
    report(node, fix_at(s=1))

    assert node.watched("ana") is None
    assert not listener.of_type("position")


# Duty


@pytest.mark.parametrize("duty", ["on_break", "off_duty"])
async def test_off_duty_fixes_are_refused_and_not_stored(node, memory, duty):
    set_off(node)
    listener = watch(node)
    node.set_duty(technician_id="ana", duty=duty, now_ms=NOW_MS)

    verdicts = report(node, fix_at(s=1), fix_at(s=2))
    await node.recorder.committed()

    assert verdicts == [Rejection.OFF_DUTY] * 2
    assert node.rejections["off_duty"] == 2
    assert (memory.fixes, listener.of_type("position")) == ({}, [])


async def test_fixes_of_a_break_that_are_handed_in_after_it_are_refused_too(node, memory):
    node.set_duty(technician_id="ana", duty="on_break", now_ms=NOW_MS + 10_000)
    node.set_duty(technician_id="ana", duty="on_duty", now_ms=NOW_MS + 20_000)

    verdicts = report(node, *(fix_at(s=s) for s in (9, 10, 19, 20)))
    await node.recorder.committed()

    assert verdicts == [CURRENT, Rejection.OFF_DUTY, Rejection.OFF_DUTY, CURRENT]
    assert [fixed_at - NOW_MS for _, fixed_at in memory.fixes] == [9_000, 20_000]


async def test_a_break_over_a_restart_is_still_one(nodes, store, clock):
    before = await nodes.start(store)
    before.set_duty(technician_id="ana", duty="on_break", now_ms=NOW_MS + 10_000)
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    assert after.duty("ana") == "on_break"
    assert report(after, fix_at(s=15)) == [Rejection.OFF_DUTY]
    after.set_duty(technician_id="ana", duty="on_duty", now_ms=NOW_MS + 20_000)

    assert report(after, fix_at(s=9), fix_at(s=15), fix_at(s=21)) == [CURRENT, Rejection.OFF_DUTY, CURRENT]
    assert after.duty("nobody") == "on_duty"


async def test_an_unknown_duty_is_refused(node):
    with pytest.raises(ValueError, match="asleep"):
        node.set_duty(technician_id="ana", duty="asleep", now_ms=NOW_MS)


# Facts and states


async def test_older_facts_change_and_tell_nothing(node):
    set_off(node, version=5)
    listener = watch(node)

    node.update_facts(trip_id="visit", facts=visit_facts(version=4, status="scheduled"), now_ms=NOW_MS)
    node.offer_facts("visit", visit_facts(version=3, status="scheduled"))
    node.reassign_trip(
        trip_id="visit", technician_id="rui", facts=visit_facts(version=4), now_ms=NOW_MS, traveling=True
    )
    node.open_trip(trip_id="visit", technician_id="rui", facts=visit_facts(version=4), now_ms=NOW_MS)

    assert kinds(listener) == ["welcome"]
    assert snapshot(node).status == "traveling"
    assert node.watched("ana") is not None


async def test_a_moved_window_and_a_new_name_are_told(node):
    set_off(node)
    listener = watch(node)

    node.update_facts(
        trip_id="visit",
        facts=visit_facts(version=2, window_start_ms=NOW_MS + 5, technician=TechnicianCard(name="Ana")),
        now_ms=NOW_MS,
    )

    assert kinds(listener) == ["welcome", "status", "technician"]
    assert (listener.told[1]["version"], listener.told[1]["window_start"]) == (2, NOW_MS + 5)


async def test_what_nobody_watches_or_drives_to_costs_nothing(node):
    node.update_facts(trip_id="visit", facts=visit_facts(), now_ms=NOW_MS)
    close(node, "canceled")
    node.reassign_trip(trip_id="visit", technician_id="ana", facts=visit_facts(), now_ms=NOW_MS)
    node.end("visit", "expired")
    node.unpin("visit")
    node.released("visit")

    assert node._trips == {}


# Watching


async def test_between_pinning_and_the_snapshot_no_change_is_lost(node):
    node.pin("visit")
    # The facts are read from the database; meanwhile the technician sets off and the first fix comes.
    read = visit_facts(version=1, status="scheduled")
    set_off(node, version=2)
    report(node, fix_at(s=1))
    node.offer_facts("visit", read)

    listener = watch(node)
    node.unpin("visit")
    report(node, fix_at(s=2, east_m=10))

    welcome, *live = listener.told
    assert welcome["snapshot"]["status"] == "traveling"
    assert welcome["snapshot"]["position"]["fixed_at"] == NOW_MS + 1000
    assert live[0]["seq"] == welcome["seq"] + 1


async def test_subscribing_during_the_slices_of_a_crowd_leaves_no_gap_and_no_repetition(node):
    set_off(node)
    for _ in range(2 * SLICE):
        watch(node)
    report(node, fix_at(s=1))

    newcomer = watch(node)
    report(node, fix_at(s=2, east_m=10))
    for _ in range(20):
        await asyncio.sleep(0)

    welcome, *live = newcomer.told
    assert welcome["snapshot"]["position"]["fixed_at"] == NOW_MS + 1000
    assert [message["fixed_at"] for message in live if message["type"] == "position"] == [NOW_MS + 2000]
    assert all(message["seq"] > welcome["seq"] for message in live)


async def test_a_watcher_that_comes_back_is_told_the_states_it_missed(node):
    set_off(node)
    epoch = node.epoch("visit")
    last_seen = snapshot(node).seq
    node.update_facts(trip_id="visit", facts=visit_facts(version=2), now_ms=NOW_MS)
    node.update_facts(trip_id="visit", facts=visit_facts(version=3), now_ms=NOW_MS)

    def missed(since: Since | None):
        return msgspec.json.decode(node.welcome("visit", NOW_MS, since)).get("missed")

    assert [state["version"] for state in missed(Since(epoch, last_seen))] == [2, 3]
    assert missed(Since(epoch, snapshot(node).seq)) is None
    assert missed(Since("another", 0)) is None
    assert missed(None) is None


async def test_a_stream_that_was_forgotten_begins_anew_with_another_epoch(node):
    node.pin("visit")
    node.offer_facts("visit", visit_facts())
    first = node.epoch("visit")
    node.unpin("visit")
    assert node._trips == {}

    node.pin("visit")

    assert node.epoch("visit") != first
    with pytest.raises(NotTracked):
        node.welcome("visit", NOW_MS)


async def test_a_stream_stays_while_anybody_needs_it(node):
    node.pin("visit")
    node.offer_facts("visit", visit_facts(status="scheduled"))
    listener = watch(node)
    node.unpin("visit")
    assert snapshot(node).status == "scheduled"

    node.hub.unsubscribe(listener)
    node.released("visit")

    with pytest.raises(NotTracked):
        snapshot(node)


# Roads


async def test_an_engine_that_was_away_is_asked_again(nodes, memory, monkeypatch, caplog):
    monkeypatch.setattr(module, "ROUTE_EVERY_S", 0.0)

    class Recovering:
        asked = 0

        async def route(self, **ends) -> Route:
            self.asked += 1
            if self.asked == 1:
                raise ConnectionError("engine away")
            return line((0, 0), (3_000, 0), total_s=300)

    node = await nodes.start(memory, roads=Recovering())
    set_off(node)
    listener = watch(node)
    report(node, fix_at(s=0))
    await until(lambda: "engine away" in caplog.text)

    report(node, fix_at(s=1, east_m=10))
    await until(lambda: listener.of_type("route"))

    assert node.roads.asked == 2


async def test_leaving_the_line_again_and_again_asks_the_engine_at_most_every_ten_seconds(nodes, memory):
    class Road:
        asked = 0

        async def route(self, **ends) -> Route:
            self.asked += 1
            return line((0, 0), (3_000, 0), total_s=300)

    node = await nodes.start(memory, roads=Road())
    set_off(node)
    for s in range(30):
        report(node, fix_at(s=s, north_m=200 + 10 * s))
        await asyncio.sleep(0)

    assert node.roads.asked == 1


async def test_a_route_that_comes_after_the_close_is_dropped(nodes, memory):
    answer = asyncio.Event()

    class Slow:
        async def route(self, **ends) -> Route:
            await answer.wait()
            return line((0, 0), (3_000, 0), total_s=300)

    node = await nodes.start(memory, roads=Slow())
    set_off(node)
    listener = watch(node)
    report(node, fix_at(s=0))
    close(node, "in_progress")

    answer.set()
    await until(lambda: not [task for task in node._tasks if task.get_name() == "route"])

    assert not listener.of_type("route")
    assert snapshot(node).route is None


# Restart


async def test_after_a_restart_the_visit_shows_the_last_position_again(nodes, store, clock):
    before = await nodes.start(store)
    set_off(before)
    report(before, *(fix_at(s=s, east_m=10 * s, heading_deg=90, speed_mps=10) for s in range(20)))
    await before.recorder.committed()
    old = snapshot(before)
    await nodes.stop(before)

    clock.pass_s(5)
    after = await nodes.start(store)
    set_off(after, since_ms=NOW_MS)
    new = snapshot(after)

    assert (new.position.lat_e6, new.position.lon_e6) == (old.position.lat_e6, old.position.lon_e6)
    assert (new.position.heading_deg, new.position.fixed_at) == (90, NOW_MS + 19_000)
    assert new.eta.eta_at == pytest.approx(old.eta.eta_at, abs=30_000)
    assert new.epoch != old.epoch
    assert [row.fixed_at for row in store.history("visit")] == [NOW_MS + s * 1000 for s in range(20)]


async def test_a_restart_does_not_show_what_was_held_back(nodes, store):
    before = await nodes.start(store)
    set_off(before, hidden_zones=(HOME_ZONE,))
    report(before, fix_at(s=1))
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, hidden_zones=(HOME_ZONE,), since_ms=NOW_MS)

    assert snapshot(after).position is None


async def test_a_restart_within_a_zone_left_earlier_shows_the_technician(nodes, store):
    before = await nodes.start(store)
    set_off(before, hidden_zones=(HOME_ZONE,))
    report(before, fix_at(s=1, east_m=500))
    report(before, fix_at(s=60, east_m=20))
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, hidden_zones=(HOME_ZONE,), since_ms=NOW_MS)

    assert snapshot(after).position is not None


async def test_an_arrival_suggested_before_the_restart_is_not_suggested_again(nodes, store):
    before = await nodes.start(store)
    set_off(before)
    report(before, *(fix_at(s=s, east_m=2_990, speed_mps=0) for s in range(3)))
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, since_ms=NOW_MS)
    device = Listener(after.hub, "technician:ana")
    for s in range(3, 60):
        report(after, fix_at(s=s, east_m=2_990, speed_mps=0))

    assert device.told == []


async def test_fixes_a_phone_hands_in_again_after_a_restart_change_nothing(nodes, store):
    before = await nodes.start(store)
    set_off(before)
    batch = [fix_at(s=s, east_m=10 * s) for s in range(5)]
    report(before, *batch)
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, since_ms=NOW_MS)
    shown = snapshot(after).position.lon_e6
    report(after, *batch)
    await after.recorder.committed()

    assert snapshot(after).position.lon_e6 == shown
    assert len(store.history("visit")) == 5


async def test_a_technician_who_never_sent_a_fix_is_nowhere_after_a_restart(nodes, store):
    before = await nodes.start(store)
    set_off(before)
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, since_ms=0)

    assert snapshot(after).position is None
    assert after.board(NOW_MS).technicians[0].lat_e6 is None


async def test_stopping_writes_what_is_left(nodes, store):
    node = await nodes.start(store)
    set_off(node)
    report(node, fix_at(s=1))

    await nodes.stop(node)

    assert len(store.history("visit")) == 1
    assert [state.trip_id for state in store.last_states()] == ["visit"]


async def test_the_state_kept_after_the_close_names_no_visit(node, memory):
    set_off(node)
    report(node, fix_at(s=1, battery=0.5))
    close(node, "in_progress")

    await node.recorder.committed()

    assert memory.states["ana"] == LastState(
        "ana", None, NOW_MS + 1000, PLACE.lat, PLACE.lon, 0.0, None, None, 0.5, revealed=False
    )


# The ledger


async def test_the_start_of_the_work_settles_what_was_predicted(node, memory):
    set_off(node)
    for fix in drive(every_s=15, mps=3, lasting_s=990):
        report(node, fix)

    close(node, "in_progress")
    await until(lambda: memory.predictions)

    assert [(row.trip_id, row.minutes_before, row.technician_id) for row in memory.predictions] == [
        ("visit", 15, "ana"),
        ("visit", 5, "ana"),
    ]
    for row in memory.predictions:
        assert row.eta_low_at <= row.eta_at <= row.eta_high_at
        assert row.arrived_at - row.predicted_at >= row.minutes_before * MINUTE_MS


async def test_a_canceled_trip_settles_nothing(node, memory):
    set_off(node)
    for fix in drive(every_s=15, mps=3, lasting_s=990):
        report(node, fix)

    close(node, "canceled")
    await node.recorder.committed()

    assert memory.predictions == []


# The board


async def test_the_board_says_where_everybody_is_and_hides_who_is_off_duty(node):
    set_off(node)
    report(node, fix_at(s=1, battery=0.815, heading_deg=359.9, speed_mps=3))
    report(node, fix_at(s=1), technician_id="rui")
    node.set_duty(technician_id="rui", duty="off_duty", now_ms=NOW_MS)

    ana, rui = node.board(NOW_MS).technicians

    assert (ana.lat_e6, ana.heading_deg, ana.speed_cms, ana.battery_percent) == (41_150_000, 0, 300, 82)
    assert (ana.trip, ana.eta_at) == ("visit", node.eta("visit").eta_at)
    assert (rui.duty, rui.lat_e6, rui.trip) == ("off_duty", None, None)
    assert [row.id for row in node.board(NOW_MS, {"rui", "nobody"}).technicians] == ["rui"]


async def test_boards_are_told_who_changed(nodes, memory, monkeypatch):
    monkeypatch.setattr(module, "BOARD_EVERY_S", 0.01)
    node = await nodes.start(memory)
    report(node, fix_at(s=1), technician_id="rui")
    board = Listener(node.hub, "dispatch")

    report(node, fix_at(s=1))
    report(node, fix_at(s=2, east_m=9))
    await until(lambda: board.frames)

    assert {row["id"] for row in board.told[0]["technicians"]} == {"ana", "rui"}
    report(node, fix_at(s=3, east_m=18))
    await until(lambda: len(board.frames) == 2)
    assert [row["id"] for row in board.told[1]["technicians"]] == ["ana"]


async def test_no_arrival_time_is_known_of_a_visit_nobody_drives_to(node):
    assert node.eta("visit") is None
    set_off(node)
    assert node.eta("visit") is None
    report(node, fix_at(s=1))
    told = node.eta("visit")
    assert told.eta_low_at <= told.eta_at <= told.eta_high_at
