"""What one server is told shows at the other."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from websockets.asyncio.client import connect

from slots import booking
from slots.booking import Scheduling
from slots.model import Actor, Rules
from slots.store import open_database
from tests.web.live.visits import WITHIN_S, Visit, book, change, device_token, next_fix, phone, socket_url, watching
from tests.web.processes.conftest import Installation
from web.auth import SESSION_COOKIE


async def test_a_watcher_sees_the_phone_that_another_server_hears(
    two: Installation, visit: Visit, customer: httpx.AsyncClient
):
    async with watching(two.first, visit.id, customer) as watcher, phone(two.second, visit.phone_token) as ana:
        await watcher.next("welcome")
        fixes = [next_fix() for _ in range(5)]
        for fix in fixes:
            await ana.send(fix)
            told = await watcher.next("position")
            assert told["fixed_at"] == fix["fixed_at"]
        await ana.reply("ack")

    numbers = [message["seq"] for message in watcher.seen if message["type"] not in ("welcome", "heartbeat")]
    assert numbers == sorted(set(numbers))


async def test_the_first_snapshot_already_knows_what_another_server_knows(
    two: Installation, visit: Visit, customer: httpx.AsyncClient
):
    async with phone(two.second, visit.phone_token) as ana:
        fix = next_fix()
        await ana.send(fix)
        await ana.reply("ack")

        snapshot = (await customer.get(f"/api/appointments/{visit.id}/live")).json()

    assert snapshot["position"]["fixed_at"] == fix["fixed_at"]
    assert snapshot["eta"]["eta_at"] > fix["fixed_at"]


async def test_fixes_posted_to_any_server_end_up_in_one_track(
    two: Installation, visit: Visit, customer: httpx.AsyncClient
):
    async with (
        watching(two.first, visit.id, customer) as watcher,
        two.first.client() as one,
        two.second.client() as other,
    ):
        await watcher.next("welcome")
        for number in range(6):
            fix = next_fix()
            answer = await (one, other)[number % 2].post(
                "/in/fix", json=fix, headers={"Authorization": f"Bearer {visit.phone_token}"}
            )
            assert answer.json()["accepted"] == 1
            told = await watcher.next("position")
            assert told["fixed_at"] == fix["fixed_at"]
        again = await other.post("/in/fix", json=fix, headers={"Authorization": f"Bearer {visit.phone_token}"})

    assert again.json()["rejected"] == [{"index": 0, "reason": "duplicate"}]


@pytest.mark.parametrize(("action", "code"), [("cancel", 4510), ("start", None)])
async def test_after_the_answer_to_a_change_no_position_passes_at_the_other_server(
    two: Installation, visit: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient, action: str, code
):
    body = {"reason": "not today"} if action == "cancel" else {}
    async with watching(two.first, visit.id, customer) as watcher, phone(two.second, visit.phone_token) as ana:
        await ana.send(next_fix())
        await watcher.next("position")

        await change(dispatcher, visit.id, action, **body)
        await ana.send(next_fix())
        await ana.reply("ack")
        if code is None:
            status = await watcher.next("status")
            assert status["status"] == "in_progress"
            await change(dispatcher, visit.id, "complete")
            assert await watcher.closed() == 4510
        else:
            assert await watcher.closed() == code

    kinds = [message["type"] for message in watcher.seen]
    ended = kinds.index("status", kinds.index("position"))
    assert "position" not in kinds[ended:]


async def test_a_change_that_its_process_died_before_telling_of_counts_where_anybody_asks(
    two: Installation, visit: Visit, customer: httpx.AsyncClient
):
    async with watching(two.first, visit.id, customer) as watcher, phone(two.first, visit.phone_token) as ana:
        await ana.send(next_fix())
        await watcher.next("position")
        await undo_and_tell_nobody(two.first.database, visit.id)

        known = (await customer.get(f"/api/appointments/{visit.id}")).json()
        asked = len(watcher.seen)
        await ana.send(next_fix())
        await ana.reply("ack")
        status = await watcher.next("status")
        async with watching(two.first, visit.id, customer) as later:
            welcome = await later.next("welcome")

    assert (known["status"], status["status"]) == ("scheduled", "scheduled")
    assert "position" not in [message["type"] for message in watcher.seen[asked:]]
    assert "position" not in welcome["snapshot"]


async def undo_and_tell_nobody(database: str, visit_id: str) -> None:
    """What is left of a process that died between its commit and its announcement."""
    opened = open_database(database)
    dispatcher = Actor(role="dispatcher", id="", source="api")
    scheduling = Scheduling(database=opened, rules=Rules())
    await booking.undo(scheduling, appointment_id=visit_id, actor=dispatcher, now_s=int(time.time()))
    await opened.close()


async def test_signing_out_at_one_server_cuts_the_views_at_the_other(two: Installation, visit: Visit):
    async with two.first.signed_in("rui@acme.example") as client:
        async with watching(two.second, visit.id, client) as watcher:
            await watcher.next("welcome")
            await client.delete("/api/session")

            assert await watcher.closed() == 4401
        token = client.cookies.get(SESSION_COOKIE)
    assert token is None


async def test_reassigned_at_one_server_the_watchers_at_the_other_see_who_comes_now(
    two: Installation, visit: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    new_token = await device_token(dispatcher, "technician-89")
    async with watching(two.first, visit.id, customer) as watcher, phone(two.first, visit.phone_token) as old:
        await old.send(next_fix())
        await watcher.next("position")
        answer = await dispatcher.post(
            f"/api/dispatch/appointments/{visit.id}/reassign", json={"technician": "technician-89"}
        )
        assert answer.status_code == 200, answer.text
        await old.send(next_fix())
        await old.reply("ack")
        async with phone(two.second, new_token) as new:
            fix = next_fix()
            await new.send(fix)
            told = await watcher.next("position")

    assert told["fixed_at"] == fix["fixed_at"]
    kinds = [message["type"] for message in watcher.seen]
    assert kinds.count("position") == 2
    assert kinds.index("technician") < len(kinds) - 1


async def test_a_home_page_hears_of_a_change_at_the_other_server(
    two: Installation, planned: Visit, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    cookie = {"Cookie": f"{SESSION_COOKIE}={customer.cookies[SESSION_COOKIE]}"}
    async with connect(
        socket_url(two.first, "/ws/home"), additional_headers=cookie, subprotocols=["enroute.v1.json"]
    ) as home:
        await home.recv()
        await change(dispatcher, planned.id, "travel")
        # What happened to other visits at the other server a moment ago may come first.
        async with asyncio.timeout(WITHIN_S):
            while not (planned.id in (told := await home.recv()) and "traveling" in told):
                pass

    sections = (await customer.get("/api/appointments", params={"section": "active"})).json()
    assert [visit["id"] for visit in sections["appointments"]] == [planned.id]


async def test_the_board_of_one_server_shows_the_phones_of_the_other(
    two: Installation, visit: Visit, dispatcher: httpx.AsyncClient
):
    async with phone(two.first, visit.phone_token) as ana:
        fix = next_fix()
        await ana.send(fix)
        await ana.reply("ack")
        board = (await dispatcher.get("/api/dispatch/board")).json()

    assert fix["fixed_at"] in [row.get("fixed_at") for row in board["technicians"]]


async def test_revoked_at_one_server_a_phone_is_cut_at_the_other(
    two: Installation, visit: Visit, dispatcher: httpx.AsyncClient
):
    technician = (await dispatcher.get(f"/api/appointments/{visit.id}")).json()["technician"]["id"]
    async with phone(two.first, visit.phone_token) as ana:
        await ana.send(next_fix())
        await ana.reply("ack")
        answer = await dispatcher.delete("/api/dispatch/device-tokens", params={"technician": technician})
        assert answer.status_code == 204, answer.text
        async with asyncio.timeout(WITHIN_S):
            await ana.socket.wait_closed()

    assert ana.socket.close_code == 4401


async def test_duty_told_to_one_server_counts_at_the_other(two: Installation, visit: Visit, dispatcher):
    async with two.second.signed_in("ana@enroute.example") as technician:
        token = await device_token(dispatcher, "technician-0")
        async with phone(two.first, token) as ana:
            await ana.send(next_fix())
            await ana.reply("ack")
            await technician.post("/api/duty", json={"duty": "on_break"})
            await ana.send(next_fix())
            refused = await ana.reply("error")
            await technician.post("/api/duty", json={"duty": "on_duty"})

    assert refused["code"] == "off_duty"


async def test_who_watches_at_the_other_server_is_named_to_the_technician(
    two: Installation, customer: httpx.AsyncClient, dispatcher: httpx.AsyncClient
):
    visit_id = await book(customer)
    await dispatcher.post(f"/api/dispatch/appointments/{visit_id}/reassign", json={"technician": "technician-0"})
    await change(dispatcher, visit_id, "travel")
    technician_of, watching_of = two.second.signed_in("ana@enroute.example"), watching(two.first, visit_id, customer)
    async with technician_of as technician, watching_of as watcher:
        await watcher.next("welcome")
        told = (await technician.get("/api/technician/watchers")).json()
    await dispatcher.post(f"/api/appointments/{visit_id}/cancel", json={"reason": "the test is over"})

    assert told["visit"] == visit_id
    assert {"name": "Rui", "by": "page"} in told["watchers"]
