"""What may go wrong between processes: words that overtake each other, owners that die or sleep in between."""

import asyncio

import pytest
from msgspec import structs

from tests.tracker.bus.processes import own, watch_far
from tests.tracker.journeys import NOW_MS, fix_at
from tests.tracker.nodes import HOME_ZONE, close, report, set_off, visit_facts, watch
from tracker.board import BOARD_TOPIC
from tracker.bus import shared
from tracker.bus.messages import ArrivalTold, Change, GiveUp, Told, encode_word
from tracker.errors import ExchangeAway
from tracker.filters import CURRENT
from tracker.messages import encode
from tracker.redis_blobs import LARGEST_MESSAGE

SOON_S = 20.0


def give_to_rui(*nodes) -> None:
    """The visit is another technician's now; told to these processes."""
    for node in nodes:
        node.reassign_trip(
            trip_id="visit", technician_id="rui", facts=visit_facts(version=2), now_ms=node.now_ms(), traveling=True
        )


async def test_what_the_old_technicians_owner_still_told_is_not_shown_as_the_new_ones(processes, one, other):
    third = await processes.start("third")
    await own(processes, other, technician_id="rui")
    await own(processes, one)  # a greater fence than that of rui
    processes.set_off()
    await processes.settle()
    listener = await watch_far(processes, third)
    await processes.settle()
    report(one, fix_at(s=1, east_m=10))
    await processes.settle()
    # The change reaches the third process (and the new owner) before the old one's.
    give_to_rui(third, other)
    before = len(listener.of_type("position"))
    report(one, fix_at(s=2, east_m=20))
    await processes.settle()
    give_to_rui(one)
    await processes.settle()
    shown_of_ana = len(listener.of_type("position")) - before
    owner = third.technician("rui").owner
    report(other, fix_at(s=3, east_m=500), technician_id="rui")
    await processes.settle()
    positions = listener.of_type("position")
    assert (shown_of_ana, owner, positions[-1]["fixed_at"] - NOW_MS) == (0, "other", 3000)


async def test_the_new_technicians_owner_does_not_let_go_for_what_the_old_ones_told(processes, one, other):
    await own(processes, other, technician_id="rui")
    await own(processes, one)
    processes.set_off()
    await processes.settle()
    await watch_far(processes, other)
    await processes.settle()
    give_to_rui(other)
    report(one, fix_at(s=2, east_m=20))
    await processes.settle()
    assert other.technician("rui").owned


async def test_who_watched_before_the_technician_set_off_is_told_positions(processes, one, other):
    await own(processes, one)
    other.offer_facts("visit", visit_facts(version=1, status="scheduled"))
    listener = await watch_far(processes, other)
    await processes.settle()
    processes.set_off(version=2)
    await processes.settle()
    report(one, fix_at(s=1, east_m=10))
    report(one, fix_at(s=2, east_m=20))
    await processes.settle()
    assert len(listener.of_type("position")) == 2


async def test_who_watched_is_told_positions_of_a_new_technician_owned_elsewhere(processes, one, other):
    third = await processes.start("third")
    await own(processes, one)
    await own(processes, other, technician_id="rui")
    processes.set_off()
    await processes.settle()
    listener = await watch_far(processes, third)
    await processes.settle()
    give_to_rui(one, other, third)
    await processes.settle()
    report(other, fix_at(s=3, east_m=500), technician_id="rui")
    await processes.settle()
    assert len(listener.of_type("position")) == 1


async def test_when_a_process_dies_the_visits_are_read_afresh(processes, one, other):
    doubts = []
    other.bus.on_doubt = lambda: doubts.append(True)
    # It had committed a change and was killed before it could announce it.
    processes.installation.kill("one")
    await processes.settle()
    assert doubts


async def test_when_a_process_that_was_away_alone_comes_back_the_visits_are_read_afresh(processes, one, other):
    doubts = []
    other.bus.on_doubt = lambda: doubts.append(True)
    other.bus.left("one")
    other.bus.joined("one")
    assert doubts


async def test_a_process_that_slept_through_its_lease_passes_nothing_on(processes, one, other):
    processes.set_off()
    await own(processes, one)
    listener = await watch_far(processes, other)
    await processes.settle()
    processes.exchange(other).leased = False
    before = len(listener.of_type("position"))
    report(one, fix_at(s=1))
    await processes.settle()
    assert len(listener.of_type("position")) == before


async def test_facts_read_before_tracking_went_off_do_not_turn_it_on_again(processes, one):
    processes.set_off()
    await own(processes, one)
    listener = watch(one)
    read = visit_facts()
    one.update_facts(trip_id="visit", facts=visit_facts(tracking=False), now_ms=one.now_ms())
    one.offer_facts("visit", read)  # the endpoint had waited for company
    report(one, fix_at(s=1))
    assert listener.of_type("position") == []


async def test_an_end_that_arrives_before_the_beginning_ends_the_trip(processes, one, other):
    await own(processes, one)
    close(one, "in_progress", version=3)
    set_off(one, version=2)
    await processes.settle()
    assert one.known_trip("visit") is None or one.known_trip("visit").technician is None


async def test_what_was_revealed_on_an_earlier_trip_to_the_visit_is_not_revealed_again(processes, one, other):
    processes.set_off()
    await own(processes, one)
    report(one, fix_at(s=1, east_m=400))
    await one.bus.ownership.keep(["ana"])
    for node in (one, other):
        close(node, "undone", version=2)
    processes.clock.pass_s(600)
    processes.set_off(version=3, hidden_zones=(HOME_ZONE,))
    await processes.settle()
    processes.installation.kill("one")
    await processes.settle()
    listener = watch(other)
    report(other, fix_at(s=700, east_m=1))  # at home, within the hidden zone
    assert listener.of_type("position") == []


async def test_a_fix_that_a_dead_owner_had_not_written_is_written_when_it_is_sent_again(processes, one, other):
    processes.set_off()
    await own(processes, one)
    written = []
    processes.store.write = lambda rows, states, told=(): written.extend(rows)
    # Killed before the commit.
    one.recorder._commit = lambda *batch: asyncio.sleep(0, True)
    report(one, fix_at(s=1))
    await one.bus.ownership.keep(["ana"])
    processes.installation.kill("one")
    await processes.settle()
    verdicts = await other.take_in("ana", [fix_at(s=1)])
    assert [row.fixed_at for row in written] == [NOW_MS + 1000], verdicts


async def test_who_let_go_for_a_process_that_died_takes_the_fixes_again(processes, one, other):
    third = await processes.start("third")
    processes.set_off()
    await own(processes, one)
    one._phones.clear()
    one.bus.received("other", encode_word(GiveUp(1, "ana")))
    one.bus.took_in()
    processes.installation.kill("other")
    await processes.settle()
    assert await third.take_in("ana", [fix_at(s=1)]) == [CURRENT]


async def test_when_two_die_together_their_technicians_are_adopted(processes, one, other):
    third = await processes.start("third")
    names = [f"t{number}" for number in range(12)]
    for name in names:
        processes.set_off(technician_id=name, trip_id=f"visit {name}")
        await own(processes, one, technician_id=name)
    # Dead already, but its lease is not over.
    processes.installation.kill("one", unheard_by="other")
    await processes.settle()
    processes.installation.kill("other")
    await processes.settle()
    assert [name for name in names if not third.technician(name).owned] == []


async def test_a_claim_that_a_failover_lost_is_taken_back(processes, one, other):
    processes.set_off()
    await own(processes, one)
    old = processes.installation.claims["ana"]
    one._phones.clear()
    await own(processes, other)
    processes.installation.claims["ana"] = old
    processes.installation.come_back()
    await processes.settle()
    third = await processes.start("third")
    owners = [name for name, node in processes.nodes.items() if node.technician("ana").owned]
    assert [processes.installation.claims["ana"].owner] == owners
    assert await third.take_in("ana", [fix_at(s=1)]) == [CURRENT]


async def test_who_took_a_technician_because_a_claim_failed_once_asks_again(processes, one, other, monkeypatch):
    monkeypatch.setattr(shared, "LOOK_EVERY_S", 0.05)
    processes.set_off()
    await own(processes, one)
    third = await processes.start("third")
    set_off(third)
    await processes.settle()
    exchange = processes.exchange(third)
    whole = exchange.claim

    async def fails(keys):
        raise ExchangeAway("no answer in time")

    exchange.claim = fails
    third.bus.own(third.technician("ana"), insist=True)
    await processes.settle()
    exchange.claim = whole
    async with asyncio.timeout(SOON_S):
        while third.bus.ownership.unleased:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await processes.settle()
    owners = [name for name, node in processes.nodes.items() if node.technician("ana").owned]
    assert len(owners) == 1


@pytest.mark.parametrize("phone", ["stays", "has gone"])
async def test_what_was_told_during_an_outage_is_seen_everywhere_after_it(processes, one, other, phone):
    processes.installation.go_down()
    processes.set_off()
    await own(processes, other)
    far = await watch_far(processes, one)
    one.bus.own(one.technician("ana"))
    await processes.settle()
    report(other, fix_at(s=1))
    if phone == "has gone":
        other.hung_up("ana", next(iter(other._phones["ana"])))

    # The first one to be back claims the technician, about whom only the other one knows more.
    processes.installation.come_back()
    await processes.settle()

    assert [each["fixed_at"] for each in far.of_type("position")] == [NOW_MS + 1000]
    assert other.technician("ana").owned == (phone == "stays")
    assert one.technician("ana").owned == (phone != "stays")


async def test_who_is_back_with_the_phone_goes_on_with_the_newer_of_both_states(processes, one, other):
    processes.installation.go_down()
    processes.set_off()
    await own(processes, other)
    one.bus.own(one.technician("ana"))
    await processes.settle()
    report(one, fix_at(s=1, east_m=2000))
    for s in range(2, 30):
        report(other, fix_at(s=s, east_m=2000 + 10 * s))
    before = other.eta("visit")

    processes.installation.come_back()
    await processes.settle()

    assert other.technician("ana").owned
    assert other.eta("visit") == before


async def test_with_phones_at_both_the_newest_fix_of_who_was_alone_is_handed_on(processes, one, other):
    processes.installation.go_down()
    processes.set_off()
    await own(processes, other)
    await own(processes, one)
    far = await watch_far(processes, one)
    report(other, fix_at(s=1))

    processes.installation.come_back()
    await processes.settle()

    assert one.technician("ana").owned
    assert [each["fixed_at"] for each in far.of_type("position")] == [NOW_MS + 1000]


async def test_a_claim_that_was_overtaken_does_not_count(processes, one, other):
    gate = asyncio.Event()
    exchange = processes.exchange(one)
    whole = exchange.states

    async def late(keys):
        await gate.wait()
        return await whole(keys)

    exchange.states = late
    one.bus.own(one.technician("ana"))
    await processes.settle()
    await own(processes, other)
    gate.set()
    await processes.settle()
    owners = [name for name, node in processes.nodes.items() if node.technician("ana").owned]
    assert owners == ["other"]


async def test_who_is_not_known_yet_makes_no_noise_in_the_other_processes(processes, one, other):
    processes.exchange(one).sent.clear()
    one.pin("x" * 1000)
    one.unpin("x" * 1000)
    await processes.settle()
    assert processes.exchange(one).sent == []


async def test_control_a_hidden_zone_hides_after_a_takeover(processes, one, other):
    processes.set_off(version=3, hidden_zones=(HOME_ZONE,), since_ms=NOW_MS + 600_000)
    await own(processes, one)
    processes.installation.kill("one")
    await processes.settle()
    listener = watch(other)
    report(other, fix_at(s=700, east_m=1))
    assert listener.of_type("position") == []


async def test_a_large_board_fits_into_messages(processes, one, other):
    for number in range(4000):
        technician = one.technician(f"5f0c1d1e-0000-4000-8000-{number:012d}")
        technician.owned = True
        technician.track.receive(fix_at(s=0, east_m=number), NOW_MS)
    processes.exchange(one).sent.clear()
    other.bus.watched(BOARD_TOPIC)
    await processes.settle()
    largest = max(map(len, processes.exchange(one).sent))
    assert largest <= LARGEST_MESSAGE, largest


async def test_what_comes_together_is_told_in_its_order(processes, one, other):
    await own(processes, one)
    processes.set_off()
    report(one, fix_at(s=1))
    await processes.settle()
    listener = await watch_far(processes, other)
    other.bus.on_change = lambda body: close(other, "completed") or b"seen"
    fence, motion = one.technician("ana").fence, one.known_trip("visit").motion
    last = motion.position(7, NOW_MS)
    first, second, third, fourth = [
        encode_word(Told("visit", fence, encode(structs.replace(last, fixed_at=NOW_MS + 1000 * s)), True, "ana"))
        for s in (2, 3, 4, 5)
    ]
    arrival = encode_word(ArrivalTold("visit", fence, encode(motion.eta(8, NOW_MS)), "ana"))

    for word in (first, arrival, second, third, encode_word(Change(1, b"")), fourth):
        other.bus.received("one", word)
    other.bus.took_in()

    told = listener.told[1:]
    assert [each["type"] for each in told] == ["position", "eta", "position", "position", "status", "end"]
    assert [each["seq"] - listener.told[0]["seq"] for each in told] == [1, 2, 3, 4, 5, 6]


async def test_what_was_not_believed_in_doubt_is_asked_for_afterwards(processes, one, monkeypatch):
    monkeypatch.setattr(shared, "KEEP_EVERY_S", 0.02)
    third = await processes.start("third")
    processes.set_off()
    await own(processes, one)
    listener = await watch_far(processes, third)
    processes.exchange(third).leased = False
    report(one, fix_at(s=1))
    await processes.settle()
    assert listener.of_type("position") == []

    processes.exchange(third).leased = True

    async with asyncio.timeout(SOON_S):
        while not listener.of_type("position"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert listener.of_type("position")[0]["fixed_at"] == NOW_MS + 1000


async def test_what_was_not_told_in_doubt_is_told_afterwards_without_another_fix(processes, monkeypatch):
    monkeypatch.setattr(shared, "KEEP_EVERY_S", 0.02)
    third = await processes.start("third")
    processes.set_off()
    await own(processes, third)
    listener = watch(third)
    processes.exchange(third).leased = False
    report(third, fix_at(s=1))
    assert listener.of_type("position") == []

    processes.exchange(third).leased = True

    async with asyncio.timeout(SOON_S):
        while not listener.of_type("position"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_who_takes_over_behind_what_was_shown_shows_nothing_older(processes, one, other):
    processes.set_off()
    await own(processes, one)
    for s in range(1, 4):
        report(one, fix_at(s=s, east_m=10 * s))
    await one.bus.ownership.keep(["ana"])
    far = await watch_far(processes, other)
    third = await processes.start("third")
    processes.set_off()
    listener = await watch_far(processes, third)
    for s in range(4, 8):
        report(one, fix_at(s=s, east_m=10 * s))
    await processes.settle()
    shown = [told["fixed_at"] for told in far.of_type("position")]

    processes.installation.kill("one")
    await own(processes, other)
    # The phone never heard that these arrived.
    for s in range(5, 9):
        verdicts = report(other, fix_at(s=s, east_m=10 * s))
    await processes.settle()

    assert verdicts == [CURRENT]
    assert [told["fixed_at"] for told in far.of_type("position")] == [*shown, NOW_MS + 8000]
    assert listener.of_type("position")[-1]["fixed_at"] == NOW_MS + 8000
    times = [told["fixed_at"] for told in listener.of_type("position")]
    assert times == sorted(set(times))


async def test_a_view_brings_no_position_again_that_is_shown_already(processes, one, other):
    processes.set_off()
    await own(processes, one)
    report(one, fix_at(s=1))
    await processes.settle()
    listener = await watch_far(processes, other)
    report(one, fix_at(s=2))
    await processes.settle()

    processes.exchange(other).member.missed("one")
    await processes.settle()

    assert [told["fixed_at"] for told in listener.of_type("position")] == [NOW_MS + 2000]
    assert other.known_trip("visit").view.position is not None
