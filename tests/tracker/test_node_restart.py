import pytest

from tests.tracker.journeys import NOW_MS, PLACE, drive, fix_at
from tests.tracker.listeners import Listener
from tests.tracker.nodes import DESTINATION, HOME_ZONE, close, report, set_off, snapshot
from tests.tracker.sockets import until
from tracker.ledger import area_of
from tracker.records import LastState

MINUTE_MS = 60_000


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
        assert row.area == area_of(lat=DESTINATION[0], lon=DESTINATION[1])


async def test_a_restart_under_way_takes_nothing_from_the_ledger(nodes, store, clock):
    way = list(drive(every_s=15, mps=3, lasting_s=990))
    before = await nodes.start(store)
    set_off(before)
    for fix in way[:40]:
        report(before, fix)
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, since_ms=NOW_MS)
    for fix in way[40:]:
        report(after, fix)
    close(after, "in_progress")
    await after.recorder.committed()

    rows = {row.minutes_before: row for row in store.ledger(NOW_MS, clock() + 1)}
    assert sorted(rows) == [5, 15]
    assert rows[15].predicted_at < way[40].fixed_at <= rows[5].predicted_at
    for minutes, row in rows.items():
        asked_at = row.arrived_at - minutes * MINUTE_MS
        assert asked_at - 75_000 <= row.predicted_at <= asked_at


async def test_who_arrives_while_the_server_restarts_is_in_the_ledger(nodes, store, clock):
    before = await nodes.start(store)
    set_off(before)
    for fix in drive(every_s=15, mps=3, lasting_s=990):
        report(before, fix)
    await before.recorder.committed()
    await nodes.stop(before)

    after = await nodes.start(store)
    set_off(after, since_ms=NOW_MS)
    close(after, "in_progress")
    await after.recorder.committed()

    assert [row.minutes_before for row in store.ledger(NOW_MS, clock() + 1)] == [15, 5]


async def test_what_was_told_on_the_way_before_is_not_that_of_the_way_after(nodes, store, clock):
    node = await nodes.start(store)
    set_off(node)
    way = list(drive(every_s=15, mps=3, lasting_s=990))
    for fix in way[:40]:
        report(node, fix)
    close(node, "undone")
    await node.recorder.committed()

    set_off(node, version=3, since_ms=clock())
    for fix in way[40:50]:
        report(node, fix)
    close(node, "in_progress", version=4)
    await node.recorder.committed()

    assert store.ledger(NOW_MS, clock() + 1) == []


@pytest.mark.parametrize("first", ["who followed", "who only heard"])
async def test_of_two_processes_the_one_that_followed_the_trip_knows_the_arrival(nodes, store, clock, first):
    followed, heard = await nodes.start(store), await nodes.start(store)
    set_off(followed)
    set_off(heard)
    for fix in drive(every_s=15, mps=3, lasting_s=990):
        report(followed, fix)
    await followed.recorder.committed()
    ends = {}

    for node in (followed, heard) if first == "who followed" else (heard, followed):
        clock.pass_s(60)
        ends[node] = clock()
        close(node, "in_progress")
        await node.recorder.committed()

    rows = store.ledger(NOW_MS, clock() + 1)
    assert [(row.minutes_before, row.arrived_at) for row in rows] == [(15, ends[followed]), (5, ends[followed])]


async def test_a_canceled_trip_settles_nothing(node, memory):
    set_off(node)
    for fix in drive(every_s=15, mps=3, lasting_s=990):
        report(node, fix)

    close(node, "canceled")
    await node.recorder.committed()

    assert memory.predictions == []
