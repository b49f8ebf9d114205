import asyncio

import msgspec
import pytest

from tests.tracker.journeys import NOW_MS, drive, fix_at
from tests.tracker.listeners import Listener
from tests.tracker.nodes import RoutesOnly, close, kinds, report, set_off, snapshot, visit_facts, watch
from tests.tracker.sockets import until
from tests.tracker.test_route import line
from tracker import following as module
from tracker.errors import NotTracked
from tracker.facts import TripFacts
from tracker.filters import CURRENT, LATE
from tracker.messages import Since, TechnicianCard
from tracker.route import Route
from tracker.telling import SLICE, TURN_WRITES

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
    class Road(RoutesOnly):
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
    for _ in range(TURN_WRITES + SLICE):
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


async def test_the_phone_number_comes_with_the_journey(node):
    def facts(version: int, status: str, phone: str | None) -> TripFacts:
        return visit_facts(version=version, status=status, technician=TechnicianCard(name="Ana", phone=phone))

    node.offer_facts("visit", facts(1, "scheduled", None))
    listener = watch(node)

    node.open_trip(trip_id="visit", technician_id="ana", facts=facts(2, "traveling", "+351"), now_ms=NOW_MS)

    assert kinds(listener) == ["welcome", "status", "technician"]
    assert listener.told[-1]["phone"] == "+351"


async def test_what_nobody_watches_or_drives_to_costs_nothing(node):
    node.update_facts(trip_id="visit", facts=visit_facts(), now_ms=NOW_MS)
    close(node, "canceled")
    node.reassign_trip(trip_id="visit", technician_id="ana", facts=visit_facts(), now_ms=NOW_MS)
    node.end("visit", "expired")
    node.unpin("visit")
    node.released("visit")

    assert node._trips == {}


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
