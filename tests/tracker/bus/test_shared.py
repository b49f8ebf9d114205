import asyncio

from tests.tracker.bus.processes import Phone, own, watch_far
from tests.tracker.journeys import NOW_MS, fix_at
from tests.tracker.listeners import Listener
from tests.tracker.nodes import close, report, set_off, snapshot, visit_facts, watch
from tracker.board import BOARD_TOPIC
from tracker.bus import interest
from tracker.filters import CURRENT, Rejection

# Owners


async def test_a_technician_has_one_owner(processes, one, other):
    processes.set_off()
    await processes.settle()

    owners = [name for name, node in processes.nodes.items() if node.technician("ana").owned]

    assert len(owners) == 1
    foreign = next(node for name, node in processes.nodes.items() if name not in owners)
    assert foreign.technician("ana").owner == owners[0]
    assert foreign.known_trip("visit").motion is None


async def test_where_the_phone_connects_the_technician_is_owned(processes, one, other):
    processes.set_off()
    await own(processes, one)
    report(one, fix_at(s=1, east_m=100))
    one.hung_up("ana", next(iter(one._phones["ana"])))

    await own(processes, other)

    assert not one.technician("ana").owned
    assert other.technician("ana").track.fixed_at == NOW_MS + 1000
    assert other.technician("ana").fence > 0


async def test_two_phones_of_one_technician_do_not_take_them_from_each_other(processes, one, other):
    await own(processes, one)
    other.answered("ana", Phone())

    other.bus.own(other.technician("ana"), insist=True)
    await processes.settle()

    assert one.technician("ana").owned
    assert not other.technician("ana").owned


async def test_a_phone_learns_whether_its_fixes_are_taken_here(processes, one, other):
    first, second = Phone(), Phone()
    one.answered("ana", first)
    one.bus.own(one.technician("ana"), insist=True)
    await processes.settle()
    one._phones.clear()
    other.answered("ana", second)
    one._phones["ana"] = {first}
    one._phones.pop("ana")

    other.bus.own(other.technician("ana"), insist=True)
    await processes.settle()

    assert first.taken_here == [True]
    assert second.taken_here == [True]


async def test_of_a_dead_process_the_technicians_are_adopted_where_they_were(processes, one, other):
    processes.set_off()
    await own(processes, one)
    for s in range(1, 20):
        report(one, fix_at(s=s, east_m=10 * s))
    await one.bus.ownership.keep(["ana"])
    before = one.eta("visit")

    processes.installation.kill("one")
    await processes.settle()

    technician = other.technician("ana")
    assert technician.owned
    assert (technician.track.fixed_at, technician.track.lat) == (NOW_MS + 19_000, one.technician("ana").track.lat)
    assert snapshot(other).position.fixed_at == NOW_MS + 19_000
    assert abs(other.eta("visit").eta_at - before.eta_at) < 1000


async def test_nobody_adopts_a_technician_who_is_not_under_way(processes, one, other):
    await own(processes, one)

    processes.installation.kill("one")
    await processes.settle()

    assert not other.technician("ana").owned


async def test_without_redis_a_phone_is_served_by_the_process_it_reaches(processes, one, other):
    processes.installation.go_down()

    processes.set_off()
    await own(processes, one)
    listener = watch(one)
    report(one, fix_at(s=1))

    assert len(listener.of_type("position")) == 1


async def test_after_an_outage_one_of_two_owners_steps_back(processes, one, other):
    processes.set_off()
    await own(processes, one)
    processes.installation.go_down()
    await own(processes, other)
    assert one.technician("ana").owned

    processes.installation.come_back()
    await processes.settle()

    owners = [name for name, node in processes.nodes.items() if node.technician("ana").owned]
    assert len(owners) == 1


async def test_an_emptied_redis_leaves_every_technician_with_their_owner(processes, one, other):
    processes.set_off()
    await own(processes, one)
    await own(processes, other, technician_id="rui")

    processes.installation.come_back(emptied=True)
    await processes.settle()

    assert one.technician("ana").owned
    assert other.technician("rui").owned
    assert processes.installation.claims["ana"].owner == "one"


# Fences


async def test_a_position_of_an_owner_that_was_replaced_is_refused(processes, one, other):
    processes.set_off()
    await own(processes, one)
    listener = await watch_far(processes, other)
    await processes.settle()
    report(one, fix_at(s=1))
    await processes.settle()
    seen = len(listener.of_type("position"))
    third = await processes.start("third")
    set_off(third)
    third.answered("ana", Phone())
    third.technician("ana").owner = "one"
    # The first one sleeps: it does not hear that it was replaced.
    processes.installation.claims["ana"] = (await third.bus._exchange.take_over(["ana"], from_node="one"))["ana"]
    other.bus.ownership.heard("third", "ana", processes.installation.claims["ana"].fence)

    report(one, fix_at(s=2))
    await processes.settle()

    assert len(listener.of_type("position")) == seen
    assert other.bus.counts["fenced"] >= 1


async def test_a_process_that_slept_through_its_lease_shows_nothing_until_it_has_asked(processes, one, other):
    processes.set_off()
    await own(processes, one)
    listener = watch(one)
    processes.exchange(one).leased = False

    one.hold()
    one.ingest("ana", [fix_at(s=1)], one.now_ms())
    one.release()

    assert listener.of_type("position") == []
    processes.exchange(one).leased = True
    one.hold()
    one.ingest("ana", [fix_at(s=2)], one.now_ms())
    one.release()
    assert len(listener.of_type("position")) == 1


# Watching from elsewhere


async def test_a_watcher_in_another_process_is_told_every_position(processes, one, other):
    processes.set_off()
    await own(processes, one)
    report(one, fix_at(s=1, east_m=10))
    listener = await watch_far(processes, other)

    report(one, fix_at(s=2, east_m=20))
    await processes.settle()

    welcome = listener.told[0]
    assert welcome["snapshot"]["position"]["fixed_at"] == NOW_MS + 1000
    assert [told["fixed_at"] for told in listener.of_type("position")][-1] == NOW_MS + 2000


async def test_a_silent_phone_widens_the_range_in_every_process_alike_and_once(processes, one, other):
    processes.set_off()
    await own(processes, one)
    early = await watch_far(processes, other)
    report(one, fix_at(s=1, east_m=10))
    await processes.settle()
    told = other.eta("visit")

    processes.clock.now_ms += 180_000
    third = await processes.start("third")
    set_off(third)
    await watch_far(processes, third)
    await processes.settle()
    processes.clock.now_ms += 60_000

    assert early.of_type("position")
    assert told.eta_high_at < one.eta("visit").eta_high_at
    assert one.eta("visit") == other.eta("visit") == third.eta("visit")


async def test_the_numbers_of_a_stream_are_those_of_the_watchers_process_and_only_grow(processes, one, other):
    processes.set_off()
    await own(processes, one)
    for s in range(1, 6):
        report(one, fix_at(s=s, east_m=10 * s))
    listener = await watch_far(processes, other)
    for s in range(6, 12):
        report(one, fix_at(s=s, east_m=10 * s))
        await processes.settle()
    other.update_facts(trip_id="visit", facts=visit_facts(version=2), now_ms=other.now_ms())

    numbers = [told["seq"] for told in listener.told[1:]]

    assert numbers == sorted(set(numbers))
    assert numbers[0] > listener.told[0]["seq"]


async def test_nothing_is_sent_to_a_process_that_nobody_watches_in(processes, one, other):
    processes.set_off()
    await own(processes, one)
    processes.exchange(one).sent.clear()

    report(one, *(fix_at(s=s, east_m=10 * s) for s in range(1, 4)))
    await processes.settle()

    assert [message for message in processes.exchange(one).sent if b'"position"' in message] == []


async def test_when_the_work_begins_elsewhere_no_position_passes_any_more(processes, one, other):
    processes.set_off()
    await own(processes, one)
    listener = await watch_far(processes, other)
    await processes.settle()
    told = len(listener.of_type("position"))
    close(other, "in_progress")

    report(one, fix_at(s=5, east_m=50))
    await processes.settle()

    assert len(listener.of_type("position")) == told
    assert snapshot(other).position is None


async def test_the_arrival_is_known_everywhere(processes, one, other):
    processes.set_off()
    await own(processes, one)
    report(one, fix_at(s=1))
    await processes.settle()

    assert other.eta("visit") is not None
    assert abs(other.eta("visit").eta_at - one.eta("visit").eta_at) < 20_000


async def test_after_lost_messages_the_newest_is_asked_for(processes, one, other):
    processes.set_off()
    await own(processes, one)
    listener = await watch_far(processes, other)
    processes.exchange(one).deaf.add("other")
    report(one, fix_at(s=9, east_m=90))
    await processes.settle()
    processes.exchange(one).deaf.clear()

    other.bus.missed("one")
    await processes.settle()

    assert listener.of_type("position")[-1]["fixed_at"] == NOW_MS + 9000


async def test_watchers_follow_to_the_new_owner(processes, one, other):
    third = await processes.start("third")
    processes.set_off()
    await own(processes, one)
    report(one, fix_at(s=1, east_m=10))
    listener = await watch_far(processes, third)
    one._phones.clear()

    await own(processes, other)
    report(other, fix_at(s=3, east_m=30))
    await processes.settle()

    assert listener.of_type("position")[-1]["fixed_at"] == NOW_MS + 3000


async def test_a_first_look_does_not_wait_for_ever_for_an_owner_that_says_nothing(processes, one, other, monkeypatch):
    monkeypatch.setattr(interest, "FIRST_VIEW_S", 0.05)
    processes.set_off()
    await own(processes, one)
    processes.exchange(one).deaf.add("other")

    listener = await watch_far(processes, other)

    assert "position" not in listener.told[0]["snapshot"]


# Fixes that arrive elsewhere


async def test_fixes_reach_their_owner_from_every_process_and_are_on_disk_when_answered(processes, one, other):
    processes.set_off()
    await own(processes, one)

    verdicts = await other.take_in("ana", [fix_at(s=1), fix_at(s=1), fix_at(s=2, east_m=10)])

    assert verdicts == [CURRENT, Rejection.DUPLICATE, CURRENT]
    assert one.technician("ana").track.fixed_at == NOW_MS + 2000
    assert len(processes.store.fixes) == 2


async def test_fixes_of_many_requests_stay_in_order(processes, one, other):
    processes.set_off()
    await own(processes, one)
    processes.clock.pass_s(60)

    answers = await asyncio.gather(*(other.take_in("ana", [fix_at(s=s, east_m=9 * s)]) for s in range(1, 40)))

    assert [verdict for verdicts in answers for verdict in verdicts] == [CURRENT] * 39


async def test_a_fix_of_nobodys_technician_makes_its_process_the_owner(processes, one, other):
    assert await other.take_in("ana", [fix_at(s=0)]) == [CURRENT]

    assert other.technician("ana").owned


async def test_when_the_owner_dies_with_fixes_unanswered_they_are_taken_in_here(processes, one, other):
    processes.set_off()
    await own(processes, one)
    processes.exchange(one).deaf.add("other")
    asked = asyncio.create_task(other.take_in("ana", [fix_at(s=1)]))
    await processes.settle()

    processes.installation.kill("one")

    # The owner may have taken it in before it died; then it is a duplicate on disk, which is read once.
    assert await asked in ([CURRENT], [Rejection.DUPLICATE])
    assert other.technician("ana").owned


# Pages


async def test_the_board_shows_the_technicians_of_all_processes(processes, one, other):
    await own(processes, one)
    await own(processes, other, technician_id="rui")
    report(one, fix_at(s=1))
    report(other, fix_at(s=1, east_m=500), technician_id="rui")

    await other.bus.company(BOARD_TOPIC)
    board = {row.id: row for row in other.board(other.now_ms()).technicians}

    assert board["ana"].fixed_at == NOW_MS + 1000
    assert board["rui"].fixed_at == NOW_MS + 1000


async def test_a_page_hears_what_another_process_has_to_tell_it(processes, one, other):
    listener = Listener(other.hub, "technician:ana")

    one.bus.tell_page("technician:ana", b'{"type":"arrival"}')
    await processes.settle()

    assert [told["type"] for told in listener.told] == ["arrival"]


# Changes


async def test_an_announced_change_has_been_taken_in_everywhere_when_it_returns(processes, one, other):
    taken = []
    other.bus.on_change = lambda body: taken.append(body) or b"seen"

    answers = await one.bus.announce(b"visit 7")

    assert taken == [b"visit 7"]
    assert answers == {"other": b"seen"}


async def test_a_change_does_not_wait_for_a_process_that_died(processes, one, other):
    processes.exchange(one).deaf.add("other")
    announced = asyncio.create_task(one.bus.announce(b"visit 7"))
    await processes.settle()

    processes.installation.kill("other")

    assert await announced == {}


async def test_while_cut_off_a_change_waits_for_nobody_and_the_visits_are_read_afresh(processes, one, other):
    doubts = []
    other.bus.on_doubt = lambda: doubts.append(True)

    processes.installation.go_down()

    assert await one.bus.announce(b"visit 7") == {}
    assert doubts


async def test_a_phone_whose_technician_was_fetched_waits_for_no_commit_with_its_next_fix(processes, one, other):
    processes.set_off()
    await own(processes, one)
    one._phones.clear()
    technician = other.technician("ana")

    verdicts = await other.bus.hand_on(technician, [fix_at(s=1)], insist=True)

    assert verdicts == [CURRENT]
    assert technician.owned
    # Decided, told, and not yet on disk: the phone's connection owes the acknowledgement.
    assert other.recorder.waiting == 1
    assert await other.take_in("ana", [fix_at(s=2)]) == [CURRENT]
    assert other.recorder.waiting == 0
