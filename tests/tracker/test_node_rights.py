import asyncio

import pytest

from tests.tracker.journeys import NOW_MS, PLACE, fix_at
from tests.tracker.nodes import HOME_ZONE, RoutesOnly, close, kinds, report, set_off, snapshot, visit_facts, watch
from tests.tracker.sockets import until
from tests.tracker.test_route import decode_polyline6
from tracker import ways as module
from tracker.errors import NotTracked
from tracker.filters import CURRENT, LATE, Rejection
from tracker.messages import TechnicianCard
from tracker.records import DutyChange
from tracker.route import Route
from tracker.telling import SLICE, TURN_WRITES

# Grants


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

    class Road(RoutesOnly):
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
    crowd = [watch(node) for _ in range(TURN_WRITES + SLICE)]
    report(node, fix_at(s=1))
    report(node, fix_at(s=2, east_m=10))
    told = [len(listener.of_type("position")) for listener in crowd]

    close(node, "in_progress")
    for _ in range(20):
        await asyncio.sleep(0)

    assert [len(listener.of_type("position")) for listener in crowd] == told
    assert all(listener.told[-1]["status"] == "in_progress" for listener in crowd)


@pytest.mark.parametrize("count", [1, TURN_WRITES + 1])
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


@pytest.mark.parametrize("kept_in", ["memory", "sql", "postgresql"])
async def test_fixes_of_a_break_stay_refused_after_a_restart(nodes, kept_in, request):
    store = request.getfixturevalue(kept_in)
    before = await nodes.start(store)
    before.set_duty(technician_id="ana", duty="on_break", now_ms=NOW_MS + 10_000)
    before.set_duty(technician_id="ana", duty="on_duty", now_ms=NOW_MS + 20_000)
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, since_ms=NOW_MS)
    verdicts = report(after, fix_at(s=30), *(fix_at(s=s) for s in (9, 10, 15, 20)))
    await after.recorder.committed()

    assert verdicts == [CURRENT, LATE, Rejection.OFF_DUTY, Rejection.OFF_DUTY, LATE]
    stored = await after.recorder.in_thread(lambda: store.history("visit"))
    assert [row.fixed_at - NOW_MS for row in stored] == [9_000, 20_000, 30_000]


async def test_a_break_that_was_taken_in_another_process_is_read_with_its_end(nodes, sql):
    here, there = await nodes.start(sql), await nodes.start(sql)
    there.set_duty(technician_id="ana", duty="on_break", now_ms=NOW_MS + 10_000)
    there.set_duty(technician_id="ana", duty="on_duty", now_ms=NOW_MS + 20_000)
    await there.recorder.committed()

    await here.read_duties()

    assert here.duty("ana") == "on_duty"
    assert report(here, fix_at(s=15), fix_at(s=21)) == [Rejection.OFF_DUTY, CURRENT]


async def test_the_last_word_counts_though_the_clock_of_the_one_before_was_ahead(nodes, sql):
    here, there = await nodes.start(sql), await nodes.start(sql)
    ahead = there.set_duty(technician_id="ana", duty="on_break", now_ms=NOW_MS + 10_000)
    here.hear_duty(DutyChange("ana", ahead, "on_break"))

    at_ms = here.set_duty(technician_id="ana", duty="on_duty", now_ms=NOW_MS + 9_000)
    there.hear_duty(DutyChange("ana", at_ms, "on_duty"))

    assert (here.duty("ana"), there.duty("ana")) == ("on_duty", "on_duty")


async def test_an_unknown_duty_is_refused(node):
    with pytest.raises(ValueError, match="asleep"):
        node.set_duty(technician_id="ana", duty="asleep", now_ms=NOW_MS)
