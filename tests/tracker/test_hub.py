import asyncio
import itertools

import msgspec

from tests.tracker.journeys import NOW_MS
from tests.tracker.listeners import Listener, payload_of
from tracker.hub import BEAT_SLICE, CUT_AFTER_S, Hub
from tracker.messages import HEARTBEAT_S
from tracker.telling import PIECE, SLICE, SLICE_S, TURN_WRITES
from tracker.watchers import MAX_KEPT, Message

TOPIC = "trip:visit"


def message(seq: int, kind: str = "status") -> Message:
    payload = msgspec.json.encode({"type": kind, "seq": seq})
    return Message.of(payload, seq=seq, conflates=kind == "position", located=kind == "route")


def publish(hub: Hub, *messages: Message) -> None:
    for each in messages:
        hub.publish(TOPIC, each)


def seqs(listener: Listener) -> list[int]:
    return [told["seq"] for told in listener.told]


async def turns(count: int = 50) -> None:
    """Let the loop run what is ready."""
    for _ in range(count):
        await asyncio.sleep(0)


# Telling


def test_all_watchers_are_given_the_very_same_frame(hub):
    listeners = [Listener(hub, TOPIC) for _ in range(3)]

    count = hub.publish(TOPIC, message(1))

    assert count == 3
    assert len({id(listener.frames[0]) for listener in listeners}) == 1
    assert payload_of(listeners[0].frames[0]) == b'{"type":"status","seq":1}'


def test_only_the_watchers_of_the_topic_are_told(hub):
    here, elsewhere = Listener(hub, TOPIC), Listener(hub, "trip:other")

    publish(hub, message(1))

    assert (seqs(here), seqs(elsewhere)) == ([1], [])
    assert (hub.count(TOPIC), hub.count("trip:other"), hub.count("none"), hub.count()) == (1, 1, 0, 2)


def test_a_topic_nobody_watches_costs_nothing_and_counts_nothing(hub):
    assert hub.publish(TOPIC, message(1)) == 0
    assert hub.publish_topic("account:7", b"{}") == 0
    assert hub.delivered == 0


def test_after_unsubscribing_nothing_is_told_and_the_topic_is_forgotten(hub):
    listener = Listener(hub, TOPIC, heartbeat=True)

    hub.unsubscribe(listener)
    hub.unsubscribe(listener)
    publish(hub, message(1))

    assert listener.frames == []
    assert hub.watchers(TOPIC) == []
    assert hub._topics == {}


# Slow readers


def test_a_stalled_watcher_gets_every_state_in_order_and_only_the_newest_position(hub):
    slow = Listener(hub, TOPIC, room=1)

    publish(hub, message(1), *(message(seq, "status" if seq % 4 == 0 else "position") for seq in range(2, 16)))
    assert seqs(slow) == [1]
    slow.drain()

    assert seqs(slow) == [1, 4, 8, 12, 15]


def test_a_state_that_is_newer_than_the_newest_position_comes_after_it(hub):
    slow = Listener(hub, TOPIC, room=1)

    publish(hub, message(1), message(2, "position"), message(3))
    slow.drain()

    assert seqs(slow) == [1, 2, 3]


def test_others_are_served_while_one_is_stalled(hub):
    slow, quick = Listener(hub, TOPIC, room=1), Listener(hub, TOPIC)

    publish(hub, *(message(seq, "position") for seq in range(1, 50)))

    assert seqs(quick) == list(range(1, 50))
    assert seqs(slow) == [1]


def test_a_reader_that_stalls_again_while_catching_up_loses_no_state(hub):
    slow = Listener(hub, TOPIC, room=1)
    publish(hub, *(message(seq) for seq in range(1, 9)), message(9, "position"))

    slow.drain(room=3)
    assert seqs(slow) == [1, 2, 3, 4]
    publish(hub, message(10, "position"), message(11))
    slow.drain()

    assert seqs(slow) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]


def test_a_drained_watcher_is_live_again(hub, clock):
    slow = Listener(hub, TOPIC, room=1)
    publish(hub, message(1), message(2))
    slow.drain()

    publish(hub, message(3))
    clock.pass_s(CUT_AFTER_S * 2)
    hub.tick()

    assert seqs(slow) == [1, 2, 3]
    assert slow.cuts == []


def test_a_watcher_that_stays_stalled_is_cut_after_the_limit(hub, clock):
    slow, quick = Listener(hub, TOPIC, room=1), Listener(hub, TOPIC)
    publish(hub, message(1))

    clock.pass_s(CUT_AFTER_S)
    hub.tick()
    assert slow.cuts == []
    clock.pass_s(1)
    hub.tick()
    hub.tick()

    assert slow.cuts == [4413]
    assert quick.cuts == []
    assert (hub.count(TOPIC), hub.cut_slow) == (1, 1)


def test_a_watcher_that_misses_too_many_states_is_cut_at_once(hub):
    slow = Listener(hub, TOPIC, room=1)

    publish(hub, *(message(seq) for seq in range(1, MAX_KEPT + 2)))
    assert slow.cuts == []
    publish(hub, message(MAX_KEPT + 2))

    assert slow.cuts == [4413]
    assert hub.count(TOPIC) == 0


def test_a_connection_that_stalls_before_it_watches_anything_is_cut_once_and_forgotten(hub, clock):
    silent = Listener(hub)
    hub.mark_stalled(silent)
    clock.pass_s(CUT_AFTER_S + 1)

    for _ in range(3):
        hub.tick()

    assert silent.cuts == [4413]
    assert hub.cut_slow == 1


def test_forgetting_positions_empties_the_mailbox_of_everything_that_says_where(hub):
    slow = Listener(hub, TOPIC, room=1)
    publish(hub, message(1), message(2, "route"), message(3, "position"), message(4))

    hub.forget_positions(TOPIC)
    publish(hub, message(5))
    slow.drain()

    assert seqs(slow) == [1, 4, 5]


# The right to watch


def test_a_watcher_whose_right_has_ended_is_cut_instead_of_told(hub, clock):
    guest, owner = Listener(hub, TOPIC, until_ms=NOW_MS + 1000), Listener(hub, TOPIC)
    publish(hub, message(1))
    clock.pass_s(1)

    publish(hub, message(2))
    publish(hub, message(3))

    assert (seqs(guest), guest.cuts) == ([1], [4401])
    assert (seqs(owner), owner.cuts) == ([1, 2, 3], [])


def test_a_right_that_ends_while_stalled_delivers_nothing_held_back(hub, clock):
    slow = Listener(hub, TOPIC, room=1, until_ms=NOW_MS + 1000)
    publish(hub, message(1), message(2), message(3, "position"))
    clock.pass_s(1)

    slow.drain()

    assert (seqs(slow), slow.cuts) == ([1], [4401])
    assert hub.count(TOPIC) == 0


def test_a_quiet_watcher_whose_right_has_ended_is_found_by_the_heartbeat(hub, clock):
    guest = Listener(hub, TOPIC, until_ms=NOW_MS + 1000, heartbeat=True)
    clock.pass_s(1)

    for _ in range(2 * HEARTBEAT_S):
        hub.tick()

    assert (guest.frames, guest.cuts) == ([], [4401])


def test_every_watcher_gets_one_heartbeat_in_its_time_and_never_all_at_once(hub, clock):
    listeners = [Listener(hub, TOPIC, heartbeat=True) for _ in range(2 * HEARTBEAT_S)]

    at_once = []
    for _ in range(HEARTBEAT_S):
        clock.pass_s(1)
        before = sum(len(listener.frames) for listener in listeners)
        hub.tick()
        at_once.append(sum(len(listener.frames) for listener in listeners) - before)

    assert at_once == [2] * HEARTBEAT_S
    assert all(len(listener.of_type("heartbeat")) == 1 for listener in listeners)


def test_a_stalled_watcher_is_not_beaten(hub):
    slow = Listener(hub, TOPIC, room=1, heartbeat=True)
    publish(hub, message(1))

    for _ in range(HEARTBEAT_S):
        hub.tick()

    assert len(slow.frames) == 1


def test_a_revocation_cuts_those_it_names_and_nobody_else(hub):
    named, spared = Listener(hub, TOPIC), Listener(hub, TOPIC)
    named.principal = "link 7"

    count = hub.disconnect(lambda watcher: watcher.principal == "link 7", 4510, "revoked")
    publish(hub, message(1))

    assert count == 1
    assert (named.cuts, seqs(named)) == ([4510], [])
    assert (spared.cuts, seqs(spared)) == ([], [1])


# Crowds


async def test_a_crowd_is_told_slice_by_slice_and_the_loop_gets_its_turn(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + 2 * SLICE + 7)]

    assert hub.publish(TOPIC, message(1)) == len(crowd)
    told = [sum(len(listener.frames) for listener in crowd)]
    while told[-1] < len(crowd):
        await asyncio.sleep(0)
        told.append(sum(len(listener.frames) for listener in crowd))

    assert told == [TURN_WRITES, TURN_WRITES + SLICE, TURN_WRITES + 2 * SLICE, len(crowd)]


async def test_where_writing_takes_long_the_loop_gets_its_turn_after_a_few(clock):
    hub = Hub(now_ms=clock, clock_s=itertools.count(step=2 * SLICE_S).__next__)
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + 2 * PIECE)]

    hub.publish(TOPIC, message(1))
    told = [sum(len(listener.frames) for listener in crowd)]
    while told[-1] < len(crowd):
        await asyncio.sleep(0)
        told.append(sum(len(listener.frames) for listener in crowd))

    assert told == list(range(PIECE, len(crowd) + 1, PIECE))


def test_heartbeats_go_out_a_few_at_a_time(hub):
    for _ in range(HEARTBEAT_S * (3 * BEAT_SLICE - 1)):
        Listener(hub, TOPIC, heartbeat=True)

    assert [len(watchers) for watchers, _ in hub._begin_beat()] == [BEAT_SLICE, BEAT_SLICE, BEAT_SLICE - 1]


async def test_concurrent_messages_reach_everybody_of_a_crowd_in_order(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE + 1)]

    publish(hub, *(message(seq) for seq in range(1, 6)))
    await asyncio.sleep(0)
    publish(hub, message(6), message(7))
    await turns()

    assert all(seqs(listener) == [1, 2, 3, 4, 5, 6, 7] for listener in crowd)


async def test_positions_nobody_of_a_crowd_was_told_of_yet_give_way_to_newer_ones(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE)]

    publish(hub, *(message(seq, "position") for seq in range(1, 9)), message(9), message(10, "position"))
    await turns()

    assert all(seqs(listener) == [1, 8, 9, 10] for listener in crowd)


async def test_whoever_leaves_or_comes_while_a_crowd_is_told_is_not_told_what_is_not_theirs(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE)]
    publish(hub, message(1), message(2))

    hub.unsubscribe(crowd[-1])
    newcomer = Listener(hub, TOPIC)
    hub.subscribe("trip:other", crowd[-1])
    publish(hub, message(3))
    await turns()

    assert seqs(crowd[-1]) == []
    assert seqs(newcomer) == [3]
    assert seqs(crowd[-2]) == [1, 2, 3]


async def test_many_small_audiences_told_in_one_turn_are_sliced_as_one_crowd_is(hub):
    audiences = [[Listener(hub, f"trip:{n}") for _ in range(SLICE // 4)] for n in range(22)]
    crowd = [listener for audience in audiences for listener in audience]

    hub.hold()
    for number in range(len(audiences)):
        hub.publish(f"trip:{number}", message(1))
    hub.release()
    told = [sum(len(listener.frames) for listener in crowd)]
    while told[-1] < len(crowd):
        await asyncio.sleep(0)
        told.append(sum(len(listener.frames) for listener in crowd))

    assert told[0] == TURN_WRITES
    assert {after - before for before, after in itertools.pairwise(told)} == {SLICE}


async def test_a_small_audience_does_not_wait_until_a_crowd_was_told(hub):
    crowd = [Listener(hub, "trip:crowded") for _ in range(TURN_WRITES + 5 * SLICE)]
    few = [Listener(hub, TOPIC) for _ in range(3)]

    hub.publish("trip:crowded", message(1))
    hub.publish(TOPIC, message(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert all(seqs(listener) == [1] for listener in few)
    assert seqs(crowd[-1]) == []


async def test_what_waits_for_its_slice_is_followed_by_what_is_published_in_later_turns(hub):
    crowd = [Listener(hub, "trip:crowded") for _ in range(TURN_WRITES)]
    few = [Listener(hub, TOPIC) for _ in range(3)]

    for seq in (1, 2):
        hub.hold()
        hub.publish("trip:crowded", message(seq))
        hub.publish(TOPIC, message(seq))
        hub.release()
    await turns()

    assert all(seqs(listener) == [1, 2] for listener in crowd + few)


async def test_a_crowd_that_shrinks_below_a_slice_is_still_told_in_order(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + 5)]
    publish(hub, message(1))
    for listener in crowd[: TURN_WRITES - 5]:
        hub.unsubscribe(listener)

    publish(hub, message(2))
    await turns()

    assert all(seqs(listener) == [1, 2] for listener in crowd[TURN_WRITES - 5 :])


async def test_a_crowd_that_goes_altogether_leaves_nothing_behind(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE)]
    publish(hub, message(1), message(2))

    for listener in crowd:
        hub.unsubscribe(listener)
    await turns()

    assert hub._topics == {}


async def test_forgetting_positions_takes_them_out_of_the_queue_of_a_crowd(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE)]

    publish(hub, message(1), message(2, "route"), message(3, "position"), message(4))
    hub.forget_positions(TOPIC)
    await turns()

    assert all(seqs(listener) == [1, 4] for listener in crowd)


async def test_a_position_forgotten_half_told_makes_no_room_for_a_larger_slice(hub):
    forgotten = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE)]
    crowd = [Listener(hub, "trip:crowded") for _ in range(TURN_WRITES + 4 * SLICE)]
    publish(hub, message(1, "route"))
    hub.publish("trip:crowded", message(1))

    hub.forget_positions(TOPIC)
    told = [0]
    while told[-1] < len(crowd):
        await asyncio.sleep(0)
        told.append(sum(len(listener.frames) for listener in crowd))

    assert max(after - before for before, after in itertools.pairwise(told)) == SLICE
    assert sum(len(listener.frames) for listener in forgotten) == TURN_WRITES


async def test_a_position_half_told_to_a_crowd_stops_where_it_is_when_forgotten(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE)]

    publish(hub, message(1, "position"))
    hub.forget_positions(TOPIC)
    publish(hub, message(2))
    await turns()

    assert [seqs(listener) for listener in crowd] == [[1, 2]] * TURN_WRITES + [[2]] * SLICE


async def test_finishing_tells_a_crowd_what_is_on_its_way_and_then_cuts_it(hub):
    crowd = [Listener(hub, TOPIC) for _ in range(TURN_WRITES + SLICE)]
    publish(hub, message(1), message(2), message(3))

    count = hub.finish(TOPIC, 4510, "completed")
    await turns()

    assert count == len(crowd)
    assert all((seqs(listener), listener.cuts) == ([1, 2, 3], [4510]) for listener in crowd)
    assert hub._topics == {}
    assert hub.finish(TOPIC, 4510) == 0


async def test_the_heartbeat_task_starts_and_stops(hub):
    hub.start()
    await hub.stop()
    await hub.stop()
