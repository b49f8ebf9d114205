"""The technician's page: the day, duty, sharing that survives a tunnel, a visit that cannot be done."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import DESTINATION, People, open_and_listen, until
from tests.browser.visits import travel

PLACE = {"latitude": 41.156, "longitude": -8.61, "accuracy": 5}
# How many fixes the phone still keeps, read from its own database.
WAITING = """() => new Promise((resolve) => {
  const request = indexedDB.open("enroute-fixes-Ana");
  request.onsuccess = () => {
    const database = request.result;
    const count = database.transaction("fixes").objectStore("fixes").count();
    count.onsuccess = () => { database.close(); resolve(count.result); };
  };
})"""


async def at_work(people: People) -> Page:
    technician = await people.technician(permissions=["geolocation"], geolocation=PLACE)
    await technician.context.request.post("/api/duty", data={"duty": "on_duty"})
    await open_and_listen(technician, "/technician")
    return technician


async def test_an_empty_day_says_so_and_nobody_watches(people: People) -> None:
    technician = await at_work(people)

    await expect(technician.get_by_text("No visits today.")).to_be_visible()
    await expect(technician.locator("#watchers")).to_have_text("Nobody can see you now.")


async def test_going_off_duty_ends_the_sharing(people: People) -> None:
    technician = await at_work(people)
    await technician.get_by_role("switch").click()
    await expect(technician.locator("#sharing-state")).to_contain_text("On · last position")

    await technician.get_by_label("Off duty").check()

    await expect(technician.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    answer = await technician.context.request.get("/api/duty")
    assert await answer.json() == {"duty": "off_duty"}


async def test_off_duty_the_page_says_that_positions_are_not_taken_and_setting_off_is_work(people: People) -> None:
    await people.book(await people.customer())
    technician = await people.technician(permissions=["geolocation"], geolocation=PLACE)
    await technician.context.request.post("/api/duty", data={"duty": "on_break"})
    await open_and_listen(technician, "/technician")
    state = technician.locator("#sharing-state")
    await technician.get_by_role("switch").click()
    await expect(state).to_have_text("You are on a break: your positions are not taken.")
    # Told on another device.
    await technician.context.request.post("/api/duty", data={"duty": "off_duty"})
    await technician.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(state).to_have_text("You are off duty: your positions are not taken.")

    await technician.get_by_role("button", name="Start traveling").click()

    await expect(technician.get_by_label("On duty")).to_be_checked()
    await technician.context.set_geolocation(PLACE | {"latitude": 41.1561})  # type: ignore[arg-type]
    await expect(state).to_contain_text("On · last position")
    await until(technician, f"async () => (await ({WAITING})()) === 0")
    await expect(state).to_contain_text("On · last position")


async def test_fixes_wait_through_a_tunnel_and_are_forgotten_only_when_the_server_has_them(people: People) -> None:
    technician = await at_work(people)
    await technician.get_by_role("switch").click()
    await expect(technician.locator("#sharing-state")).to_contain_text("On · last position")

    tunnel = asyncio.Event()
    tunnel.set()
    await technician.route_web_socket(
        "**/ws/device", lambda line: line.close(code=1013) if tunnel.is_set() else line.connect_to_server()
    )
    await technician.reload()
    for step in range(1, 7):
        await technician.context.set_geolocation(PLACE | {"latitude": 41.156 - step * 0.0001})  # type: ignore[arg-type]
        await until(technician, f"async () => (await ({WAITING})()) >= {step}")
    await expect(technician.locator("#waiting-fixes")).to_contain_text("waiting for the network")

    tunnel.clear()
    await technician.reload()

    await expect(technician.locator("#sharing-state")).to_contain_text("On · last position")
    await expect(technician.locator("#waiting-fixes")).to_be_hidden()
    await until(technician, f"async () => (await ({WAITING})()) === 0")


async def test_a_position_that_may_not_be_seen_is_explained(people: People) -> None:
    technician = await people.technician()
    await technician.goto("/technician")

    await technician.get_by_role("switch").click()

    await expect(technician.locator("#sharing-state")).to_contain_text("may not see your position")
    await expect(technician.get_by_role("switch")).to_have_attribute("aria-checked", "false")


async def test_a_visit_with_nobody_home_is_canceled_with_that_reason(people: People) -> None:
    customer = await people.customer()
    visit = await people.book(customer)
    technician = await at_work(people)
    await technician.get_by_role("button", name="Start traveling").click()

    await technician.get_by_role("button", name="Cannot be done").click()
    await expect(technician.get_by_label("Briefly, why?")).to_have_value("Nobody home")
    await technician.get_by_role("button", name="Cancel the visit").click()

    await expect(technician.get_by_role("dialog")).to_be_hidden()
    answer = await customer.context.request.get(f"/api/appointments/{visit['id']}")
    told = await answer.json()
    assert (told["status"], told["cancel_reason"]) == ("canceled", "Nobody home")


async def test_setting_off_by_mistake_can_be_undone(people: People) -> None:
    customer = await people.customer()
    await people.book(customer)
    technician = await at_work(people)

    await technician.get_by_role("button", name="Start traveling").click()
    await technician.get_by_role("button", name="Undo").click()

    await expect(technician.locator(".visit")).to_contain_text("Planned")


async def test_at_the_door_the_start_is_suggested_and_still_after_a_reload(people: People) -> None:
    await people.book(await people.customer())
    technician = await at_work(people)
    async with technician.expect_websocket(lambda line: line.url.endswith("/ws/device")) as opening:
        await technician.get_by_role("button", name="Start traveling").click()
    phone = await opening.value
    await expect(technician.locator("#sharing-state")).to_contain_text("On · last position")
    suggestion = technician.locator(".visit").get_by_text("You seem to be there")
    await expect(suggestion).to_be_hidden()

    # A jump is believed once some fixes agree. Then a millimetre at a time, because that is what a new fix takes.
    for step in range(10):
        door = {"latitude": DESTINATION["lat"] + step * 0.000_000_01, "longitude": DESTINATION["lon"], "accuracy": 5}
        async with phone.expect_event("framesent"):
            await technician.context.set_geolocation(door)  # type: ignore[arg-type]

    await expect(suggestion).to_be_visible()
    await expect(technician.locator(".visit")).to_contain_text("On the way")
    await technician.reload()
    await expect(suggestion).to_be_visible()
    await technician.get_by_role("button", name="Undo").click()
    await expect(suggestion).to_be_hidden()


async def test_a_finger_on_a_button_is_not_disturbed_by_news_that_change_nothing(people: People) -> None:
    await people.book(await people.customer())
    technician = await at_work(people)
    await technician.get_by_role("button", name="Start traveling").hover()

    await technician.mouse.down()
    async with technician.expect_response("**/api/duty"):
        await technician.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    # Asked for after the visits are drawn.
    await technician.wait_for_event("requestfinished", lambda request: request.url.endswith("/api/technician/watchers"))
    await technician.mouse.up()

    await expect(technician.locator(".visit")).to_contain_text("On the way")


async def test_an_answer_that_was_overtaken_is_not_drawn(people: People) -> None:
    visit = await people.book(await people.customer())
    technician = await at_work(people)
    given, late = asyncio.Event(), asyncio.Event()

    async def answer_late(route: Route) -> None:
        answer = await route.fetch()
        given.set()
        await late.wait()
        await route.fulfill(response=answer)

    await technician.route("**/api/technician/appointments", answer_late, times=1)
    await technician.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await given.wait()
    await travel(technician, visit)
    await expect(technician.locator(".visit")).to_contain_text("On the way")

    async with technician.expect_response("**/api/technician/appointments"):
        late.set()
    await technician.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    await expect(technician.locator(".visit")).to_contain_text("On the way")


async def test_a_visit_that_is_behind_its_step_cannot_be_touched_until_it_is_drawn_again(people: People) -> None:
    await people.book(await people.customer())
    technician = await at_work(people)
    answers: list[asyncio.Event] = []
    asked: asyncio.Queue[None] = asyncio.Queue()
    at_once = False

    async def answer_when_told(route: Route) -> None:
        answer = await route.fetch()
        answers.append(told := asyncio.Event())
        asked.put_nowait(None)
        if not at_once:
            await told.wait()
        await route.fulfill(response=answer)

    await technician.route("**/api/technician/appointments", answer_when_told)
    # A question from before the step, and one from after it.
    await technician.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await asked.get()
    await technician.get_by_role("button", name="Start traveling").click()
    await asked.get()
    async with technician.expect_response("**/api/technician/appointments"):
        answers[0].set()
    await technician.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    await expect(technician.locator(".visit")).to_contain_text("Planned")
    assert await technician.locator(".visit").evaluate("(visit) => visit.inert")

    for answer in answers:
        answer.set()
    at_once = True
    await technician.get_by_role("button", name="Undo").click()
    await expect(technician.locator(".visit")).to_contain_text("Planned")
    # What is still being answered would find its page gone.
    await technician.unroute_all(behavior="wait")
