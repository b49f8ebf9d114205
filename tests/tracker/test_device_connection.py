import asyncio

import msgspec
import pytest
from websockets.frames import Opcode

from tests.tracker.journeys import NOW_MS, fix_at
from tests.tracker.listeners import Listener
from tests.tracker.sockets import connect, until
from tests.tracker.test_live import facts
from tracker import device_connection as module
from tracker import recorder as recorder_module
from tracker.device_connection import ERRORS_PER_S, DeviceConnection
from tracker.node import Node

pytestmark = pytest.mark.usefixtures("no_socket_outlives_its_test")


@pytest.fixture
async def phone(node, monkeypatch):
    """Ana's phone. Acknowledgements come at once; the test of their rhythm says otherwise."""
    monkeypatch.setattr(module, "ACK_EVERY_S", 0.0)
    peer = await connect(DeviceConnection(node=node, technician_id="ana"))
    return peer


def watch(node: Node) -> Listener:
    """Ana sets off to a visit that somebody watches."""
    node.open_trip(trip_id="visit", technician_id="ana", facts=facts(), now_ms=NOW_MS)
    return Listener(node.hub, node.topic("visit"))


async def test_a_fix_is_acknowledged_once_it_is_on_disk_and_not_before(phone, node, memory):
    memory.gate.clear()
    await phone.send(fix_at())
    await until(lambda: memory.attempts)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await phone.receive()

    memory.gate.set()

    assert await phone.receive() == {"type": "ack", "upto": NOW_MS}
    assert list(memory.fixes) == [("ana", NOW_MS)]


async def test_a_failing_disk_acknowledges_nothing_until_it_works_again(phone, memory):
    memory.failing = True
    await phone.send(fix_at())
    await until(lambda: memory.attempts >= 2)

    memory.failing = False

    assert await phone.receive() == {"type": "ack", "upto": NOW_MS}


async def test_watchers_do_not_wait_for_the_disk(phone, node, memory):
    listener = watch(node)
    memory.gate.clear()

    await phone.send(fix_at())
    await until(lambda: listener.of_type("position"))

    assert memory.fixes == {}


async def acknowledged(phone) -> int:
    """Up to when its fixes were, before it was closed."""
    upto = 0
    while (frame := await phone.receive_frame()).opcode is not Opcode.CLOSE:
        upto = max(upto, msgspec.json.decode(frame.data).get("upto", 0))
    return upto


@pytest.mark.parametrize("many", [2, 3, 40])
async def test_when_more_comes_than_can_be_written_the_newest_of_a_read_is_taken_and_the_others_are_asked_for_later(
    phone, node, memory, monkeypatch, many
):
    monkeypatch.setattr(recorder_module, "BEHIND", 0)
    monkeypatch.setattr(module, "CALM_S", 0.05)
    memory.gate.clear()
    await phone.send(fix_at(s=0))
    await until(lambda: memory.attempts)

    await phone.send(*(fix_at(s=s) for s in range(1, many + 1)))
    await until(lambda: node.rejections["overloaded"])
    memory.gate.set()

    # An acknowledgement of the newest would cover those that were left out.
    assert await acknowledged(phone) < NOW_MS + 1000
    assert phone.closed_with == 1013
    assert node.rejections["overloaded"] == many - 1
    assert [fixed_at for _, fixed_at in memory.fixes] == [NOW_MS, NOW_MS + many * 1000]


async def test_nobody_is_asked_to_send_it_again_while_more_comes_than_can_be_written(phone, node, monkeypatch):
    monkeypatch.setattr(module, "CALM_S", 0.01)
    looks = iter([True] * 10)
    monkeypatch.setattr(type(node.recorder), "behind", property(lambda _: next(looks, False)))

    await phone.send(fix_at(s=0), fix_at(s=1))

    assert await acknowledged(phone) < NOW_MS
    assert phone.closed_with == 1013
    assert next(looks, None) is None


async def test_nobody_is_asked_to_send_it_again_while_the_processor_only_just_keeps_up(phone, node, monkeypatch):
    monkeypatch.setattr(module, "CALM_S", 0.01)
    behind = iter([True] * 2)
    monkeypatch.setattr(type(node.recorder), "behind", property(lambda _: next(behind, False)))
    strained = iter([False] + [True] * 10)
    monkeypatch.setattr(node.strain, "is_strained", lambda now_s: next(strained, False))

    await phone.send(fix_at(s=0), fix_at(s=1))

    await acknowledged(phone)
    assert phone.closed_with == 1013
    assert next(strained, None) is None


async def test_a_processor_that_never_has_room_keeps_nobody_waiting_for_ever(phone, node, monkeypatch):
    monkeypatch.setattr(module, "CALM_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_S", 0.05)
    behind = iter([True] * 2)
    monkeypatch.setattr(type(node.recorder), "behind", property(lambda _: next(behind, False)))
    monkeypatch.setattr(node.strain, "is_strained", lambda now_s: True)

    await phone.send(fix_at(s=0), fix_at(s=1))

    await acknowledged(phone)
    assert phone.closed_with == 1013


async def test_who_was_left_out_hears_now_and_then_that_somebody_is_there(phone, node, monkeypatch):
    monkeypatch.setattr(module, "WORD_EVERY_S", 0.01)
    monkeypatch.setattr(type(node.recorder), "behind", True)

    await phone.send(fix_at(s=0), fix_at(s=1))

    assert [await phone.receive() for _ in range(3)][1:] == [{"type": "ack", "upto": 0}] * 2


async def test_who_was_left_out_is_asked_once_to_tell_its_place_less_often(phone, node, monkeypatch):
    monkeypatch.setattr(type(node.recorder), "behind", True)
    for times in (1, 2):
        await phone.send(fix_at(s=2 * times), fix_at(s=2 * times + 1))
        await until(lambda times=times: node.rejections["overloaded"] == times)

    await phone.send({"fixed_at": 0})

    assert await phone.receive() == {"type": "rate", "interval_s": 5}
    assert (await phone.receive())["type"] == "error"


async def test_while_the_disk_fails_nothing_is_refused_for_it(phone, node, memory, monkeypatch):
    monkeypatch.setattr(recorder_module, "BEHIND", 0)
    memory.failing = True
    await phone.send(fix_at(s=0))
    await until(lambda: node.recorder.failing)

    await phone.send(fix_at(s=1), fix_at(s=2))
    await until(lambda: len(node.recorder.rows) == 2)
    memory.failing = False
    await until(lambda: len(memory.fixes) == 3)

    assert node.rejections["overloaded"] == 0


async def test_json_and_messagepack_single_and_in_batches_are_all_taken(phone, memory):
    await phone.send(fix_at(s=0), [fix_at(s=1), fix_at(s=2)])
    await phone.send(msgspec.msgpack.encode(fix_at(s=3)), opcode=Opcode.BINARY)
    await phone.send(msgspec.msgpack.encode([fix_at(s=4), fix_at(s=5)]), opcode=Opcode.BINARY)

    await until(lambda: len(memory.fixes) == 6)

    assert [fixed_at for _, fixed_at in memory.fixes] == [NOW_MS + s * 1000 for s in range(6)]


async def test_all_fixes_of_one_read_are_kept_and_the_newest_is_told_once(phone, node, memory):
    listener = watch(node)

    await phone.send(*(fix_at(s=s, east_m=10 * s) for s in range(20)), [fix_at(s=s, east_m=10 * s) for s in (20, 21)])
    await until(lambda: len(memory.fixes) == 22)

    positions = listener.of_type("position")
    assert [told["fixed_at"] for told in positions] == [NOW_MS + 21_000]


@pytest.mark.parametrize("nonsense", ["", "hello", "[1]", "{}", '{"fixed_at":1,"lat":"x","lon":2}', "[" * 9_000])
async def test_nonsense_gets_an_error_and_the_next_fix_is_taken(phone, node, nonsense):
    await phone.send(nonsense)
    error = await phone.receive()
    await phone.send(fix_at())

    assert (error["type"], error["code"]) == ("error", "malformed")
    assert error["detail"]
    assert (await phone.receive())["type"] == "ack"
    assert node.rejections["malformed"] == 1


async def test_nonsense_beside_a_good_fix_in_one_read_does_not_cost_the_fix(phone):
    await phone.send("nonsense", fix_at())

    assert [(await phone.receive())["type"] for _ in range(2)] == ["error", "ack"]


async def test_a_refused_fix_is_named_counted_and_acknowledged(phone, memory):
    await phone.send([fix_at(), fix_at(accuracy_m=900, s=1)])

    error, ack = await phone.receive(), await phone.receive()

    assert error == {
        "type": "error",
        "code": "inaccurate",
        "detail": "fix refused: inaccurate",
        "fixed_at": NOW_MS + 1000,
    }
    assert ack == {"type": "ack", "upto": NOW_MS + 1000, "rejected": {"inaccurate": 1}}
    assert len(memory.fixes) == 1


async def test_a_time_of_tomorrow_is_refused_and_never_acknowledged(phone):
    await phone.send([fix_at(), fix_at(s=86_400)])

    error, ack = await phone.receive(), await phone.receive()

    assert error["code"] == "future"
    assert ack == {"type": "ack", "upto": NOW_MS, "rejected": {"future": 1}}


@pytest.mark.parametrize("digits", ["1" + "0" * 18, "9" * 20, "9" * 300, "-" + "9" * 300, "1e300", "9" * 5_000])
async def test_times_beyond_every_clock_break_neither_the_phone_nor_the_writing_of_others(phone, node, memory, digits):
    await phone.send('{"fixed_at":%s,"lat":41.15,"lon":-8.62}' % digits)  # noqa: UP031
    assert (await phone.receive())["type"] == "error"
    await phone.send(fix_at())

    ack = await phone.receive()
    while ack["upto"] == 0:
        ack = await phone.receive()

    assert ack["upto"] == NOW_MS
    assert list(memory.fixes) == [("ana", NOW_MS)]


async def test_nan_from_messagepack_reaches_neither_disk_nor_screen(phone, node, memory):
    nan = float("nan")
    listener = watch(node)
    board = Listener(node.hub, "dispatch")

    await phone.send(
        msgspec.msgpack.encode(fix_at(heading_deg=nan, altitude_m=nan, battery=nan)),
        msgspec.msgpack.encode({"fixed_at": NOW_MS + 1, "lat": nan, "lon": 1.0}),
        opcode=Opcode.BINARY,
    )
    await until(lambda: board.frames and memory.fixes)

    (row,) = memory.fixes.values()
    assert row.heading_deg is None
    assert "heading_deg" not in listener.of_type("position")[0]
    assert "battery_percent" not in board.told[0]["technicians"][0]


async def test_late_fixes_after_a_newer_one_do_not_pull_the_acknowledgement_back(phone):
    await phone.send(fix_at(s=50))
    await phone.send([fix_at(s=10), fix_at(s=20)])

    upto = [(await phone.receive())["upto"]]
    if upto[-1] == NOW_MS + 50_000:
        await phone.send(fix_at(s=30))
        upto.append((await phone.receive())["upto"])

    assert set(upto) == {NOW_MS + 50_000}


async def test_a_phone_is_acknowledged_at_most_once_a_second(node):
    peer = await connect(DeviceConnection(node=node, technician_id="ana"))
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    for s in range(4):
        await peer.send(fix_at(s=s))
        await node.recorder.committed()
    acknowledged = []
    while not acknowledged or acknowledged[-1] < NOW_MS + 3000:
        acknowledged.append((await peer.receive())["upto"])

    assert acknowledged == sorted(acknowledged)
    assert 2 <= len(acknowledged) <= 1 + (loop.time() - began_s)


async def test_errors_are_bounded_per_second_and_still_counted(phone, node):
    await phone.send(*(["x"] * 100), fix_at())

    kinds = []
    while not kinds or kinds[-1] != "ack":
        kinds.append((await phone.receive())["type"])

    assert kinds == ["error"] * ERRORS_PER_S + ["ack"]
    assert node.rejections["malformed"] == 100


async def test_more_fixes_than_a_broken_phone_should_send_close_the_connection(node, monkeypatch):
    monkeypatch.setattr(module, "BURST_FIXES", 50)
    peer = await connect(DeviceConnection(node=node, technician_id="rui"))

    await peer.send([fix_at(s=s / 10) for s in range(51)])

    assert await peer.until_closed() == 4429


async def test_half_a_day_of_buffered_fixes_may_come_at_once(phone, memory, clock):
    clock.pass_s(43_200)

    for start in range(0, 21_600, 400):
        await phone.send([fix_at(s=2 * number) for number in range(start, start + 400)])
    await until(lambda: len(memory.fixes) == 21_600)

    assert (await phone.receive())["type"] == "ack"


async def test_while_too_much_waits_for_the_disk_a_phone_is_sent_away_with_its_fixes(phone, node, memory, monkeypatch):
    monkeypatch.setattr(recorder_module, "MAX_WAITING", 2)
    memory.failing = True
    await phone.send([fix_at(s=s) for s in range(3)])
    await until(lambda: node.recorder.full)

    await phone.send(fix_at(s=9))

    assert await phone.until_closed() == 1013
    assert node.recorder.waiting == 3


async def test_off_duty_everything_is_refused_and_acknowledged_so_that_the_phone_forgets_it(phone, node, memory):
    node.set_duty(technician_id="ana", duty="off_duty", now_ms=NOW_MS)

    await phone.send(fix_at(s=1))

    assert (await phone.receive())["code"] == "off_duty"
    ack = await phone.receive()
    assert (ack["upto"], ack["rejected"]) == (NOW_MS + 1000, {"off_duty": 1})
    assert memory.fixes == {}


async def test_a_phone_that_is_gone_by_the_time_of_the_commit_bothers_nobody(node, memory):
    connection = DeviceConnection(node=node, technician_id="ana")
    peer = await connect(connection)
    memory.gate.clear()
    await peer.send(fix_at())
    await until(lambda: memory.attempts)
    peer.hang_up()
    await until(lambda: connection.fd < 0)

    memory.gate.set()
    await node.recorder.committed()

    assert len(memory.fixes) == 1


async def test_no_acknowledgement_timer_outlives_its_connection(node):
    connection = DeviceConnection(node=node, technician_id="ana")
    peer = await connect(connection)
    for s in range(2):
        await peer.send(fix_at(s=s))
        await node.recorder.committed()
    await until(lambda: connection._timer is not None)

    peer.hang_up()
    await until(lambda: connection.fd < 0)

    assert connection._timer is None


async def test_an_empty_list_says_nothing_and_is_answered_with_nothing(phone):
    await phone.send("[]")
    await phone.send(fix_at())

    assert (await phone.receive())["type"] == "ack"
