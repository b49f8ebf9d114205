"""The log of who watched whom, as dispatchers read it."""

from typing import Any

from tests.web.api.house import House
from tracker.watchers import Watcher
from web import watch_log_store
from web.auth import Principal
from web.watch_log_store import WatchEntry

FOR_EVER_MS = 2**60


async def watched(house: House, visit: dict[str, Any]) -> list[tuple[str, str, str | None, int]]:
    answer = await house.dora.get(f"/api/dispatch/appointments/{visit['id']}/watchers")
    assert answer.status_code == 200, answer.text
    return [(line["name"], line["by"], line["technician"], line["times"]) for line in answer.json()["watchers"]]


async def id_of(house: House, name: str) -> str:
    accounts = (await house.dora.get("/api/dispatch/customers")).json()["accounts"]
    contacts = [contact for account in accounts for contact in account["contacts"]]
    return next(contact["id"] for contact in contacts if contact["name"] == name)


def watch(house: House, topic: str, **who: Any) -> Watcher:
    principal = Principal(**({"person_id": None, "session_id": "s", "expires_at_ms": FOR_EVER_MS} | who))
    watcher = Watcher(write=lambda data: None, principal=principal, until_ms=FOR_EVER_MS)
    house.state.hub.subscribe(topic, watcher)
    return watcher


async def test_who_had_the_page_open_before_the_technician_set_off_is_logged_when_they_do(house: House):
    visit = await house.read(await house.book())
    rui = await id_of(house, "Rui")
    watch(house, house.state.node.topic(visit["id"]), role="customer", person_id=rui)
    before = await watched(house, visit)

    await house.bring_to(visit, "traveling")

    assert before == []
    assert await watched(house, visit) == [("Rui", "page", visit["technician"]["id"], 1)]


async def test_a_reassignment_logs_whoever_watches_for_the_new_technician_too(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    first = visit["technician"]["id"]
    rui = await id_of(house, "Rui")
    await house.rui.get(f"/api/appointments/{visit['id']}/live")
    watch(house, house.state.node.topic(visit["id"]), role="link", contact_id=rui)
    second = "bo" if first == "ana" else "ana"
    house.pass_s(1)

    path = f"/api/dispatch/appointments/{visit['id']}/reassign"
    answer = await house.dora.post(path, json={"technician": second})

    assert answer.status_code == 200, answer.text
    assert await watched(house, visit) == [("Rui", "page", first, 1), ("Rui", "link", second, 1)]


async def test_who_asks_again_and_again_is_logged_once_an_hour(house: House):
    visit = await house.read(await house.book())
    path = f"/api/appointments/{visit['id']}/live"
    await house.rui.get(path)
    await house.bring_to(visit, "traveling")
    before = await watched(house, visit)

    for _ in range(3):
        await house.rui.get(path)
        house.pass_s(5)
    first_hour = await watched(house, visit)
    for _ in range(8):
        house.pass_s(600)
        await house.rui.get(path)

    technician = visit["technician"]["id"]
    assert before == []
    assert first_hour == [("Rui", "page", technician, 1)]
    assert await watched(house, visit) == [("Rui", "page", technician, 2)]


async def test_boards_are_logged_as_such(house: House):
    visit = await house.read(await house.book())
    technician = visit["technician"]["id"]
    await house.dora.get("/api/dispatch/board")
    watch(house, "dispatch", role="admin", person_id="ada", session_id="wall")
    house.pass_s(1)
    await house.technician_of(visit).post(f"/api/appointments/{visit['id']}/travel")
    house.pass_s(7200)
    await house.dora.get("/api/dispatch/board")

    while_traveling = await watched(house, visit)
    await house.technician_of(visit).post(f"/api/appointments/{visit['id']}/start")
    house.pass_s(7200)
    await house.dora.get("/api/dispatch/board")

    assert set(while_traveling[:2]) == {("", "board", technician, 1), ("Dora", "board", technician, 1)}
    assert while_traveling[2:] == [("Dora", "board", None, 1)]
    assert await watched(house, visit) == while_traveling


async def test_nobody_is_logged_while_tracking_is_off_and_who_still_watches_is_when_it_is_on(house: House):
    await house.switch(technician_tracking=False)
    visit = await house.bring_to(await house.book(), "traveling")
    await house.rui.get(f"/api/appointments/{visit['id']}/live")
    watch(house, house.state.node.topic(visit["id"]), role="customer", person_id=await id_of(house, "Eva"))
    off = await watched(house, visit)

    await house.switch(technician_tracking=True)

    assert off == []
    assert await watched(house, visit) == [("Eva", "page", visit["technician"]["id"], 1)]


async def test_the_technician_on_the_way_is_nobody_who_watches_them(house: House):
    visit = await house.bring_to(await house.book(), "traveling")

    await house.technician_of(visit).get(f"/api/appointments/{visit['id']}/live")

    assert await watched(house, visit) == []


async def test_the_log_of_a_visit_is_for_dispatchers_and_an_unknown_visit_has_none(house: House):
    visit = await house.book()
    path = f"/api/dispatch/appointments/{visit['id']}/watchers"

    answers = [await client.get(path) for client in (house.nobody, house.rui, house.ana, house.ada)]
    unknown = await house.dora.get("/api/dispatch/appointments/nothing/watchers")

    assert [answer.status_code for answer in (*answers, unknown)] == [401, 403, 403, 200, 404]


async def test_what_was_logged_before_anybody_could_be_seen_is_not_told(house: House):
    visit = await house.book()
    async with house.state.database.transaction() as conn:
        old = WatchEntry(visit["id"], None, "customer", "rui", "s", house.clock_ms[0])
        await watch_log_store.add_entries(conn, [old])

    assert await watched(house, visit) == []
