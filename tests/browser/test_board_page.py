"""The dispatcher's board: who is where on the map, which visits there are, and what needs an eye on it."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import DESK, People, open_and_listen
from tests.browser.looks import DESK_DARK, PHONE_LIGHT, look_at
from tests.browser.test_live_page import fix_north
from tests.browser.visits import travel

LOOKS = (PHONE_LIGHT, DESK_DARK)


async def board_of(people: People) -> Page:
    """A dispatcher's page, still empty."""
    return await people.signed_in("dora@enroute.example", viewport=DESK)


class Phone:
    """The technician of the household on duty, by the API alone."""

    def __init__(self, page: Page, token: str) -> None:
        self.page = page
        self._headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    async def on_duty(cls, people: People) -> Phone:
        page = await people.technician()
        answer = await page.context.request.post("/api/technician/device-token", data={})
        phone = cls(page, (await answer.json())["token"])
        await phone.turn("on_duty")
        return phone

    async def turn(self, duty: str) -> None:
        answer = await self.page.context.request.post("/api/duty", data={"duty": duty})
        assert answer.ok, await answer.text()

    async def tell(self, *, north_m: float, age_s: int = 0) -> None:
        fix: dict[str, Any] = fix_north(north_m)
        fix["fixed_at"] -= age_s * 1000
        answer = await self.page.context.request.post("/in/fix", data=fix, headers=self._headers)
        assert (await answer.json())["accepted"] == 1, await answer.text()


def vehicle(page: Page, people: People) -> Locator:
    return page.locator(f".vehicle[data-id=ana-{people.household.number}]")


async def test_a_technician_is_on_the_map_as_long_as_they_are_on_duty(people: People) -> None:
    phone = await Phone.on_duty(people)
    await phone.tell(north_m=500)
    page = await board_of(people)
    await page.goto("/dispatch")
    await expect(vehicle(page, people)).to_have_attribute("data-level", "live")

    await phone.turn("on_break")

    await expect(vehicle(page, people)).to_have_count(0)
    await phone.turn("on_duty")
    await phone.tell(north_m=600)
    await expect(vehicle(page, people)).to_have_count(1)
    await phone.turn("off_duty")
    await expect(vehicle(page, people)).to_have_count(0)


# Whatever the page shows then, nobody told it by the clock.
NEVER_AGAIN = """
const original = window.setInterval;
window.setInterval = (work, wait_ms, ...rest) => (wait_ms === 10_000 ? 0 : original(work, wait_ms, ...rest));"""


async def test_a_moving_technician_moves_the_marker_and_the_board_is_not_asked_for_again(people: People) -> None:
    phone = await Phone.on_duty(people)
    await phone.tell(north_m=500, age_s=120)
    page = await board_of(people)
    await page.add_init_script(NEVER_AGAIN)
    asked: list[str] = []
    page.on("request", lambda request: request.url.endswith("/api/dispatch/board") and asked.append(request.url))
    await open_and_listen(page, "/dispatch")
    marker = vehicle(page, people)
    row = page.locator(f"#technicians li[data-id=ana-{people.household.number}]")
    await expect(marker).to_have_attribute("data-level", "delayed")
    place = await marker.get_attribute("style")

    await phone.tell(north_m=1500)

    await expect(marker).to_have_attribute("data-level", "live")
    await expect(marker).not_to_have_attribute("style", place or "")
    await expect(row).to_contain_text(re.compile(r"seen \d+ s ago"))
    await phone.turn("on_break")
    await expect(row.locator(".badge")).to_have_text("On break")
    await expect(marker).to_have_count(0)
    assert len(asked) == 1
    # News of a visit is asked for.
    async with page.expect_request("**/api/dispatch/board"):
        await people.book(await people.customer())


async def test_a_phone_that_fell_silent_is_dimmed_where_it_was_last_seen(people: People) -> None:
    phone = await Phone.on_duty(people)
    await phone.tell(north_m=500, age_s=600)
    page = await board_of(people)

    await page.goto("/dispatch")

    await expect(vehicle(page, people)).to_have_attribute("data-level", "delayed")
    await expect(vehicle(page, people)).to_have_attribute("title", "Ana Alves · seen 10 min ago")
    await expect(vehicle(page, people)).to_be_visible()


async def test_a_visit_is_on_the_map_by_its_state_and_leads_to_its_page(people: People) -> None:
    visit = await people.book(await people.customer())
    page = await board_of(people)
    await page.goto("/dispatch")
    site = page.locator(f".site[data-id='{visit['id']}']")

    await expect(site).to_have_attribute("data-status", "scheduled")
    await expect(site).to_have_attribute("title", re.compile(r"Boiler check \d+ · Maria · Planned$"))
    await expect(site).to_have_attribute("href", f"/dispatch/visits/{visit['id']}")
    await travel(await people.technician(), visit)
    await expect(site).to_have_attribute("data-status", "traveling")
    assert await look_at(page, "board with a map", LOOKS) == []
    # Every household lives in the same house: whose visit lies on top does not matter here.
    await site.click(force=True)
    await expect(page).to_have_url(re.compile(r"/dispatch/visits/[^/]+$"))


async def test_an_unhappy_rating_is_read_on_the_board_and_on_the_visit_whoever_looks(people: People) -> None:
    customer, technician = await people.customer(), await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    for action in ("start", "complete"):
        await technician.context.request.post(f"/api/appointments/{visit['id']}/{action}", data={})
    page = await board_of(people)
    await open_and_listen(page, "/dispatch")
    row = page.locator(f"#unhappy li[data-id='{visit['id']}']")
    await expect(row).to_have_count(0)

    feedback = {"rating": 1, "comment": "Muddy boots <b>everywhere</b>"}
    await customer.context.request.post(f"/api/appointments/{visit['id']}/feedback", data=feedback)

    await expect(row).to_contain_text("Muddy boots <b>everywhere</b>")
    await expect(row.locator(".badge")).to_have_text("1 of 5")
    wrong = await look_at(page, "board with a low rating", LOOKS)
    await row.get_by_role("link").click()
    await expect(page.locator("#rating")).to_contain_text("Feedback: 1 of 5")
    await expect(page.locator("#rating")).to_contain_text("Muddy boots <b>everywhere</b>")
    assert wrong + await look_at(page, "visit with a low rating", LOOKS) == []
    await customer.goto(f"/appointments/{visit['id']}")
    await expect(customer.locator(".facts")).to_contain_text("Muddy boots <b>everywhere</b>")


async def test_a_cancel_with_the_technician_on_the_way_is_flagged_as_late(people: People) -> None:
    customer, technician = await people.customer(), await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    answer = await customer.context.request.post(f"/api/appointments/{visit['id']}/cancel", data={"reason": "Away"})
    assert answer.ok, await answer.text()
    page = await board_of(people)

    await page.goto("/dispatch")

    row = page.locator(f"#visits li[data-id='{visit['id']}']")
    await expect(row.locator(".badge")).to_have_text(["Late cancellation", "Canceled"])
    await row.get_by_role("link").click()
    await expect(page.locator(".visit-head .badge")).to_have_text(["Canceled", "Late cancellation"])
    await expect(page.locator("#history li").first).to_contain_text("the technician was on the way")
    assert await look_at(page, "visit canceled late", LOOKS) == []
