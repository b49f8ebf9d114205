"""A visit as its watchers see it, through a real server and real sockets."""

from __future__ import annotations

import asyncio
import base64
import socket

import httpx
import msgspec
import pytest

from tests.servers import EnrouteServer
from tests.web.live.visits import WITHIN_S, Visit, Watching, change, next_fix, watching
from tracker.hub import CUT_AFTER_S
from web.auth import SESSION_COOKIE

TRIES = 50
"""To come to the same one of several processes again: each of them numbers its own streams."""


async def test_positions_reach_the_watcher_in_fix_order_with_growing_seq(visit: Visit, customer: httpx.AsyncClient):
    fixes = [next_fix() for _ in range(3)]
    for step, fix in enumerate(fixes):
        fix["fixed_at"] += step * 1000

    async with visit.watched(customer) as watcher, visit.phone() as phone:
        welcome = await watcher.next("welcome")
        for fix in fixes:
            await phone.send(fix)
            await watcher.next("position")

    positions = [message for message in watcher.seen if message["type"] == "position"]
    assert [position["fixed_at"] for position in positions] == sorted({fix["fixed_at"] for fix in fixes})
    numbers = [message["seq"] for message in watcher.seen if message["type"] != "welcome"]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == welcome["seq"] + 1


async def test_every_position_brings_an_arrival_time_with_its_range(visit: Visit, customer: httpx.AsyncClient):
    async with visit.watched(customer) as watcher, visit.phone() as phone:
        await phone.send(next_fix())
        position = await watcher.next("position")

    assert position["eta_low_at"] <= position["eta_at"] <= position["eta_high_at"]
    assert position["eta_at"] > position["fixed_at"]
    assert position["left_m"] > 0


async def test_fixes_of_one_batch_are_told_as_the_newest_only(visit: Visit, customer: httpx.AsyncClient):
    batch = [next_fix() for _ in range(20)]
    for step, fix in enumerate(batch):
        fix["fixed_at"] += step

    async with visit.watched(customer) as watcher, visit.phone() as phone:
        await phone.send(*batch)
        await watcher.next("position")
        await phone.send(next_fix(fixed_at=batch[-1]["fixed_at"] + 1000))
        await watcher.next("position")

    told = [message["fixed_at"] for message in watcher.seen if message["type"] == "position"]
    assert told == [batch[-1]["fixed_at"], batch[-1]["fixed_at"] + 1000]


async def test_a_late_fix_never_moves_the_marker(visit: Visit, customer: httpx.AsyncClient):
    newest = next_fix()

    async with visit.watched(customer) as watcher, visit.phone() as phone:
        await phone.send(newest)
        await watcher.next("position")
        await phone.send(next_fix(fixed_at=newest["fixed_at"] - 30_000))
        await phone.reply("ack")
        answer = await customer.get(f"/api/appointments/{visit.id}/live")

    assert answer.json()["position"]["fixed_at"] == newest["fixed_at"]


async def test_one_who_reconnects_is_told_the_states_they_missed_and_the_newest_position(
    visit: Visit, customer: httpx.AsyncClient
):
    token = customer.cookies[SESSION_COOKIE]

    async def greeted(since: dict) -> dict:
        async with watching(visit.server, visit.id, None) as again:
            await again.socket.send(msgspec.json.encode({"type": "hello", "token": token, "since": since}).decode())
            return await again.next("welcome")

    async with visit.watched(customer) as watcher, visit.phone() as phone:
        welcome = await watcher.next("welcome")
        await phone.send(next_fix())
        position = await watcher.next("position")
        for _ in range(TRIES):
            same = await greeted({"epoch": welcome["epoch"], "seq": 0})
            if same["epoch"] == welcome["epoch"]:
                break
        other = await greeted({"epoch": "another", "seq": 0})

    assert same["epoch"] == welcome["epoch"]
    assert same["seq"] >= position["seq"]
    assert same["snapshot"]["position"]["fixed_at"] == position["fixed_at"]
    assert [state["status"] for state in same["missed"]] == ["traveling"]
    assert "missed" not in other


async def test_a_bearer_subprotocol_identifies_a_watcher_and_is_not_echoed(visit: Visit, customer: httpx.AsyncClient):
    encoded = base64.urlsafe_b64encode(customer.cookies[SESSION_COOKIE].encode()).decode().rstrip("=")

    async with watching(visit.server, visit.id, None, subprotocols=["enroute.v1.json", f"bearer.{encoded}"]) as watcher:
        welcome = await watcher.next("welcome")

    assert watcher.socket.subprotocol == "enroute.v1.json"
    assert welcome["snapshot"]["status"] == "traveling"


async def test_a_hello_that_does_not_come_is_4408(visit: Visit):
    async with watching(visit.server, visit.id, None) as watcher:
        assert await watcher.closed() == 4408


@pytest.mark.parametrize("hello", ["nonsense", '{"type":"goodbye"}', "[]"])
async def test_a_hello_that_cannot_be_read_is_4500(visit: Visit, hello: str):
    async with watching(visit.server, visit.id, None) as watcher:
        await watcher.socket.send(hello)

        assert await watcher.closed() == 4500


async def test_a_hello_with_an_unknown_token_is_4401(visit: Visit):
    async with watching(visit.server, visit.id, None) as watcher:
        await watcher.socket.send('{"type":"hello","token":"' + "x" * 43 + '"}')

        assert await watcher.closed() == 4401


async def test_a_cookie_does_not_count_on_a_page_of_another_site(visit: Visit, customer: httpx.AsyncClient):
    async with visit.watched(customer, origin="https://evil.example") as watcher:
        await watcher.socket.send('{"type":"hello"}')

        assert await watcher.closed() == 4401


async def test_a_foreign_and_an_unknown_visit_are_the_same_4503(
    visit: Visit, live_server: EnrouteServer, stranger: httpx.AsyncClient
):
    async with visit.watched(stranger) as foreign:
        foreign_code = await foreign.closed()
    async with watching(live_server, "no-such-visit", stranger) as unknown:
        unknown_code = await unknown.closed()

    assert (foreign_code, foreign.seen) == (unknown_code, unknown.seen) == (4503, [])


async def test_an_ended_visit_is_told_and_closed_with_4510(visit: Visit, customer: httpx.AsyncClient, dispatcher):
    async with visit.watched(customer) as watcher:
        await watcher.next("welcome")
        await change(dispatcher, visit.id, "start")
        await change(dispatcher, visit.id, "complete")
        code = await watcher.closed()
    async with visit.watched(customer) as late:
        late_code = await late.closed()

    assert [(m["type"], m.get("status") or m.get("reason")) for m in watcher.seen[1:]] == [
        ("status", "in_progress"),
        ("status", "completed"),
        ("end", "completed"),
    ]
    assert [message["type"] for message in late.seen] == ["welcome", "end"]
    assert late.seen[0]["seq"] < late.seen[1]["seq"]
    assert code == late_code == 4510


async def test_the_event_stream_tells_the_same_as_the_socket(visit: Visit, customer: httpx.AsyncClient):
    events: list[tuple[str, dict]] = []

    async with (
        visit.watched(customer) as watcher,
        visit.phone() as phone,
        customer.stream("GET", f"/api/appointments/{visit.id}/events") as response,
    ):
        lines = response.aiter_lines()
        await watcher.next("welcome")
        async with asyncio.timeout(WITHIN_S):
            await _next_event(lines, events)
            await phone.send(next_fix())
            await watcher.next("position")
            while not events or events[-1][1]["type"] != "position":
                await _next_event(lines, events)

    assert response.headers["content-type"].startswith("text/event-stream")
    position = next(message for message in watcher.seen if message["type"] == "position")
    assert events[0][1]["type"] == "welcome"
    assert events[-1] == (f"{events[0][1]['epoch']}-{position['seq']}", position)


async def _next_event(lines, events: list[tuple[str, dict]]) -> None:
    name = ""
    async for line in lines:
        if line.startswith("id: "):
            name = line.removeprefix("id: ")
        elif line.startswith("data: "):
            events.append((name, msgspec.json.decode(line.removeprefix("data: "))))
            return


async def test_a_reader_that_stops_reading_is_passed_over_and_gets_the_newest_when_it_reads_again(
    visit: Visit, customer: httpx.AsyncClient
):
    raw = socket.create_connection(("127.0.0.1", int(visit.server.url.rpartition(":")[2])))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled_options = {"sock": raw, "max_queue": 1, "ping_interval": None}

    async with (
        visit.watched(customer) as steady,
        visit.watched(customer, **stalled_options) as stalled,
        visit.phone() as phone,
    ):
        await steady.next("welcome")
        # Before the one who does not read is cut.
        until_s = asyncio.get_running_loop().time() + CUT_AFTER_S / 2
        for _ in range(2000):
            if asyncio.get_running_loop().time() > until_s:
                break
            fix = next_fix()
            await phone.send(fix)
            await steady.until(lambda message, fix=fix: message.get("fixed_at", 0) >= fix["fixed_at"])
        await stalled.until(lambda message: message.get("fixed_at", 0) >= fix["fixed_at"])

    told = [message["fixed_at"] for message in stalled.seen if message["type"] == "position"]
    steadily_told = [message["fixed_at"] for message in steady.seen if message["type"] == "position"]
    assert told == sorted(told)
    assert len(told) < len(steadily_told)


async def test_closing_the_visit_leaves_no_position_behind_it(
    visit: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    async with visit.watched(customer) as watcher, visit.phone() as phone:
        await phone.send(next_fix())
        await watcher.next("position")

        await change(dispatcher, visit.id, "start")
        await phone.send(next_fix())
        await phone.reply("ack")
        await change(dispatcher, visit.id, "complete")
        await watcher.closed()

    after = [message["type"] for message in watcher.seen[_first_state(watcher) :]]
    assert after == ["status", "status", "end"]


def _first_state(watcher: Watching) -> int:
    return next(i for i, message in enumerate(watcher.seen) if message.get("status") == "in_progress")


async def test_watching_before_the_technician_sets_off_brings_states_only(
    planned: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    visit = planned
    async with visit.watched(customer) as watcher, visit.phone() as phone:
        welcome = await watcher.next("welcome")
        await phone.send(next_fix())
        await phone.reply("ack")
        await change(dispatcher, visit.id, "travel")
        status = await watcher.next("status")
        await change(dispatcher, visit.id, "undo")
        undone = await watcher.next("status")

    assert "position" not in welcome["snapshot"]
    assert [status["status"], undone["status"]] == ["traveling", "scheduled"]
    others = [message for message in watcher.seen if message["type"] not in ("eta", "status")]
    assert [message["type"] for message in others] == ["welcome", "technician"]
    # Of the journey: a number to call.
    assert "phone" not in welcome["snapshot"]["technician"]
    assert others[1]["phone"]
