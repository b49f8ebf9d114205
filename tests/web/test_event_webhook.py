"""Every change of a visit as the operator's own program hears of it: product.md §12."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import msgspec
import pytest

from slots import outbox_store
from tests.servers import WebhookReceiver, webhook_receiver
from tests.web.api.house import House, open_house
from web.config import SettingsError, load_settings

RETRIED_AFTER_S = 60
PERSONAL = ("Rui", "rui@acme.example", "Ana", "Bo", "Flores", "41.15", "+351")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "house"


async def next_event(receiver: WebhookReceiver) -> dict[str, object]:
    _, body = await asyncio.wait_for(receiver.posts.get(), 10)
    event: dict[str, object] = msgspec.json.decode(body)
    return event


async def events_log(house: House) -> list[tuple[str, str, str | None]]:
    async with house.state.database.read() as conn:
        rows = await outbox_store.log(conn, lane="events")
    return sorted((row.kind, row.state, row.outcome) for row in rows)


async def walk_through(house: House) -> dict[str, object]:
    """One visit with every change there is but the cancellation; read again at its end."""
    visit = await house.book()
    path = f"/api/appointments/{visit['id']}"
    slot = await house.slot_at(house.rui, "14:00", moving=visit["id"])
    seen = await house.read(visit)
    other = "bo" if seen["technician"]["id"] == "ana" else "ana"
    calls = (
        (house.rui, "post", f"{path}/move", {"slot": slot}),
        (house.dora, "post", f"/api/dispatch/appointments/{visit['id']}/reassign", {"technician": other}),
    )
    for client, verb, url, body in calls:
        answer = await client.request(verb, url, json=body)
        assert answer.status_code == 200, answer.text
    await house.bring_to(visit, "traveling")
    house.pass_s(60)
    undone = await house.technician_of(await house.read(visit)).post(f"{path}/undo", json={})
    assert undone.status_code == 200, undone.text
    await house.bring_to(visit, "completed")
    rated = await house.rui.post(f"{path}/feedback", json={"rating": 2, "comment": "Ana was late"})
    assert rated.status_code == 200, rated.text
    return await house.read(visit)


async def test_every_change_is_told_in_order_with_the_version_and_state_it_led_to(template, folder):
    async with webhook_receiver() as receiver, open_house(template, folder, events_webhook_url=receiver.url) as house:
        visit = await walk_through(house)

        events = [await next_event(receiver) for _ in range(9)]
    assert [(event["kind"], event["version"], event["status"]) for event in events] == [
        ("booked", 1, "scheduled"),
        ("moved", 2, "scheduled"),
        ("reassigned", 3, "scheduled"),
        ("traveling", 4, "traveling"),
        ("undone", 5, "scheduled"),
        ("traveling", 6, "traveling"),
        ("started", 7, "in_progress"),
        ("completed", 8, "completed"),
        ("rated", 9, "completed"),
    ]
    assert {event["appointment"] for event in events} == {visit["id"]}
    assert len({event["id"] for event in events}) == 9
    assert (events[8]["rating"], events[8]["low"]) == (2, True)
    assert not any("rating" in event or "low" in event for event in events[:8])
    assert [event["at"][11:] for event in events[2:5]] == ["07:00:00Z", "07:01:00Z", "07:02:00Z"]


async def test_nothing_personal_is_in_an_event_and_its_id_and_signature_stand_in_the_headers(template, folder):
    async with (
        webhook_receiver() as receiver,
        open_house(template, folder, events_webhook_url=receiver.url, events_webhook_secret="s3cret") as house,
    ):
        await walk_through(house)
        posts = [await asyncio.wait_for(receiver.posts.get(), 10) for _ in range(9)]

    for headers, body in posts:
        assert headers["enroute-id"] == msgspec.json.decode(body)["id"]
        assert headers["enroute-signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        assert not [word for word in PERSONAL if word.encode() in body]


async def test_a_cancellation_is_told_without_its_reason(template, folder):
    async with webhook_receiver() as receiver, open_house(template, folder, events_webhook_url=receiver.url) as house:
        visit = await house.book()
        await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "in hospital"})
        await next_event(receiver)

        canceled = await next_event(receiver)
    assert canceled == {
        "id": f"{visit['id']}.event.canceled.2",
        "kind": "canceled",
        "at": "2026-11-23T07:00:00Z",
        "appointment": visit["id"],
        "version": 2,
        "status": "canceled",
    }


async def test_a_change_made_offline_is_told_with_the_time_it_happened(template, folder):
    async with webhook_receiver() as receiver, open_house(template, folder, events_webhook_url=receiver.url) as house:
        visit = await house.book()
        house.pass_s(600)
        ana = house.technician_of(await house.read(visit))
        await ana.post(f"/api/appointments/{visit['id']}/travel", json={"at": "2026-11-23T07:03:00+00:00"})
        await next_event(receiver)

        assert (await next_event(receiver))["at"] == "2026-11-23T07:03:00Z"


async def test_without_a_webhook_for_events_none_is_written(template, folder):
    async with webhook_receiver() as receiver, open_house(template, folder, webhook_url=receiver.url) as house:
        await walk_through(house)
        await house.state.outbox.send_due()

        assert await events_log(house) == []
        messages = [receiver.posts.get_nowait()[1] for _ in range(receiver.posts.qsize())]
    assert messages
    assert all("recipient" in msgspec.json.decode(body) for body in messages)


async def test_while_one_event_is_not_taken_the_later_ones_of_its_visit_wait_and_those_of_others_do_not(
    template, folder
):
    async with webhook_receiver() as receiver, open_house(template, folder, events_webhook_url=receiver.url) as house:
        await house.state.events.close()
        house.state.events._closing = False
        visit = await house.book()
        await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "away"})

        receiver.answer = "503 Busy"
        looked_at = [await house.state.events.send_due() for _ in range(2)]
        while_down = await events_log(house)
        other = await house.book(house.olga)
        receiver.answer = "204 No Content"
        looked_at += [await house.state.events.send_due() for _ in range(2)]
        house.pass_s(RETRIED_AFTER_S)
        looked_at += [await house.state.events.send_due() for _ in range(3)]

        told = [await next_event(receiver) for _ in range(receiver.posts.qsize())]
    assert looked_at == [1, 0, 1, 0, 1, 1, 0]
    assert while_down == [
        ("event.booked", "pending", "the webhook answered 503"),
        ("event.canceled", "pending", None),
    ]
    booked = f"{visit['id']}.event.booked.1"
    assert [event["id"] for event in told] == [
        booked,
        f"{other['id']}.event.booked.1",
        booked,
        f"{visit['id']}.event.canceled.2",
    ]


async def test_a_receiver_that_hangs_holds_up_no_message(template, folder):
    is_asked, is_over = asyncio.Event(), asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_asked.set()
        await is_over.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as listening, webhook_receiver() as receiver:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
        async with open_house(template, folder, events_webhook_url=url, webhook_url=receiver.url) as house:
            await house.book()
            await asyncio.wait_for(is_asked.wait(), 10)
            await house.book(house.olga)

            told = [(await next_event(receiver))["kind"] for _ in range(2)]
            is_over.set()
    assert told == ["confirmed", "confirmed"]


async def test_an_event_that_is_refused_for_good_lets_the_next_one_pass(template, folder):
    async with webhook_receiver() as receiver, open_house(template, folder, events_webhook_url=receiver.url) as house:
        receiver.answer = "400 Bad Request"
        visit = await house.book()
        await next_event(receiver)
        await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "away"})
        assert (await next_event(receiver))["kind"] == "canceled"
        async with asyncio.timeout(10):
            # Written after the answer.
            while any(state == "pending" for _, state, _ in await events_log(house)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        assert {state for _, state, _ in await events_log(house)} == {"dead"}


async def test_an_event_that_was_not_sent_before_a_restart_is_sent_after_it_with_the_same_id(template, folder):
    async with open_house(template, folder, events_webhook_url="http://127.0.0.1:1/down") as house:
        visit = await house.book()
        async with asyncio.timeout(10):
            # Written after the attempt.
            while not any(outcome for _, _, outcome in await events_log(house)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async with webhook_receiver() as receiver, open_house(None, folder, events_webhook_url=receiver.url) as house:
        house.pass_s(RETRIED_AFTER_S)
        house.state.events.wake()

        assert (await next_event(receiver))["id"] == f"{visit['id']}.event.booked.1"


async def test_of_bookers_of_the_last_place_only_the_one_who_got_it_is_told_of(template, folder):
    async with webhook_receiver() as receiver, open_house(template, folder, events_webhook_url=receiver.url) as house:
        await house.book(house.olga)
        slot = await house.slot_at(house.rui, "10:00")
        asked = (house.rui.post("/api/appointments", json={"slot": slot, "service": "check"}) for _ in range(4))
        answers = await asyncio.gather(*asked)

        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        assert [kind for kind, _, _ in await events_log(house)] == ["event.booked"] * 2


async def test_the_dispatcher_reads_what_became_of_the_events_apart_from_the_messages(template, folder):
    async with webhook_receiver() as receiver, open_house(template, folder, events_webhook_url=receiver.url) as house:
        await house.state.events.close()
        await house.book()

        events = (await house.dora.get("/api/dispatch/messages", params={"events": "true"})).json()
        messages = (await house.dora.get("/api/dispatch/messages")).json()
    assert (events["configured"], [line["kind"] for line in events["messages"]]) == (True, ["event.booked"])
    assert [line["kind"] for line in messages["messages"]] == ["confirmed", "reminder"]


async def test_the_api_document_describes_what_is_posted(house: House):
    document = (await house.rui.get("/openapi.json")).json()

    posted = document["webhooks"]["visitEvent"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert posted == {"$ref": "#/components/schemas/VisitEvent"}
    assert document["components"]["schemas"]["VisitEvent"]["required"] == [
        "id",
        "kind",
        "at",
        "appointment",
        "version",
        "status",
    ]


@pytest.mark.parametrize("name", ["WEBHOOK_URL", "EVENTS_WEBHOOK_URL"])
@pytest.mark.parametrize("url", ["hooks.example.com", "ftp://hooks.example.com", "https://", "http://host:port/"])
def test_a_webhook_that_nobody_could_post_to_is_refused(name, url):
    with pytest.raises(SettingsError, match=f"ENROUTE_{name} must look like https://host/path"):
        load_settings({f"ENROUTE_{name}": url})


def test_the_secret_of_the_events_is_not_shown():
    assert "hush" not in repr(load_settings({"ENROUTE_EVENTS_WEBHOOK_SECRET": "hush"}))
