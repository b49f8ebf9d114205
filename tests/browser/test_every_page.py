"""Every page of the customer's side in every state, as people with all kinds of eyes meet it; see `looks`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import People
from tests.browser.looks import ALL_LOOKS, DESK_DARK, PHONE_LIGHT, Look, look_at
from tests.browser.test_live_page import fix_north, under_way
from tests.browser.visits import travel

SPOKEN = [
    pytest.param(("en-GB", ()), id="english"),
    *(
        pytest.param((locale, ALL_LOOKS), id=name, marks=pytest.mark.full)
        for locale, name in (("en-US", "american"), ("de-DE", "german"), ("ar", "arabic"))
    ),
]


class Eyes:
    """One person's browser: their language, and the looks in which each state is examined; without any, a phone in the
    light and a desk in the dark take turns."""

    def __init__(self, people: People, locale: str, looks: tuple[Look, ...]) -> None:
        self.people = people
        self.locale = locale
        self._looks = looks
        self.found: list[str] = []
        self._seen = 0

    async def see(self, page: Page, state: str) -> None:
        before = len(self.people.complaints)
        self._seen += 1
        looks = self._looks or ((PHONE_LIGHT, DESK_DARK)[self._seen % 2],)
        self.found += await look_at(page, state, looks)
        # axe clones elements, those of the map with the places that scripts gave them; the page itself does not.
        fresh = [text for text in self.people.complaints[before:] if "inline style" not in text]
        self.people.complaints[before:] = fresh

    async def stranger(self, path: str) -> Page:
        return await self.people.page(path, locale=self.locale)

    async def customer(self) -> Page:
        return await self.people.customer(locale=self.locale)


@pytest_asyncio.fixture(params=SPOKEN)
async def eyes(people: People, request: pytest.FixtureRequest) -> AsyncIterator[Eyes]:
    person = Eyes(people, *request.param)
    yield person
    if person.found:
        pytest.fail("\n".join(person.found))


async def change(technician: Page, visit: dict[str, Any], action: str) -> None:
    answer = await technician.context.request.post(f"/api/appointments/{visit['id']}/{action}", data={})
    assert answer.status == 200, await answer.text()


async def test_the_doors(eyes: Eyes) -> None:
    for refusal in ("401 (Unauthorized)", "404 (Not Found)", "410 (Gone)"):
        eyes.people.expects(refusal)
    page = await eyes.stranger("/book")
    await expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    await eyes.see(page, "sign-in on the way to a page")
    await page.locator("[name=email]").fill("nobody@lopes.example")
    await page.locator("[name=password]").fill("not the password")
    await page.locator("[type=submit]").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await eyes.see(page, "sign-in refused")

    await page.goto("/invitation")
    await eyes.see(page, "invitation, code to be typed")
    await page.goto("/invitation#not-a-code-of-ours-at-all")
    await page.reload()
    # The page waits for its words before it listens.
    await page.goto("/forgot", wait_until="networkidle")
    # Each language asks for an address of its own: few links an hour are sent to one.
    await page.locator("[name=email]").fill(f"nobody-{eyes.locale}@lopes.example")
    await page.locator("[type=submit]").click()
    await expect(page.get_by_role("status")).to_be_visible()
    await eyes.see(page, "forgotten password, link sent")
    await page.goto("/reset")
    await expect(page.get_by_role("alert")).to_be_visible()
    await eyes.see(page, "new password, link incomplete")
    await page.goto("/t#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    await expect(page.locator("#ways")).to_be_visible()
    await eyes.see(page, "dead link")
    await page.goto("/nowhere")
    await eyes.see(page, "an address that means nothing")


async def test_the_homepage_and_the_profile(eyes: Eyes) -> None:
    eyes.people.expects("ERR_FAILED")
    eyes.people.expects("ERR_INTERNET_DISCONNECTED")
    customer, technician = await eyes.customer(), await eyes.people.technician()
    waiting: list[Route] = []
    await customer.route("**/api/appointments?section=*", lambda route: waiting.append(route))
    await customer.goto("/")
    await expect(customer.locator("#loading")).to_be_visible()
    await eyes.see(customer, "home, loading")
    for route in waiting:
        await route.abort()
    await expect(customer.get_by_role("alert")).to_be_visible()
    await eyes.see(customer, "home, error")
    await customer.unroute("**/api/appointments?section=*")
    await customer.reload()
    await expect(customer.locator("#empty")).to_be_visible()
    await eyes.see(customer, "home, empty")

    first, second = await eyes.people.book(customer), await eyes.people.book(customer, nth=6)
    await travel(technician, first)
    await expect(customer.locator("#active .visit")).to_be_visible()
    await expect(customer.locator("#upcoming .visit")).to_have_count(1)
    await eyes.see(customer, "home, active and upcoming")
    await change(technician, first, "start")
    await expect(customer.locator("#active-section")).to_be_hidden()
    await eyes.see(customer, "home, in progress")
    await change(technician, first, "complete")
    await customer.context.request.post(f"/api/appointments/{second['id']}/cancel", data={"reason": "Away"})
    await customer.locator("#tab-past").click()
    await expect(customer.locator("#past-list .visit")).to_have_count(2)
    await eyes.see(customer, "home, past")
    await customer.context.set_offline(True)
    await expect(customer.locator("#offline .notice")).to_be_visible()
    await eyes.see(customer, "home, offline")
    await customer.context.set_offline(False)
    await expect(customer.locator("#offline")).to_be_empty()

    await customer.goto("/profile")
    await expect(customer.locator("[name=name]")).to_have_value("Maria")
    await eyes.see(customer, "profile")


async def test_booking_confirming_changing_and_canceling(eyes: Eyes) -> None:
    eyes.people.expects("409 (Conflict)")
    customer, technician = await eyes.customer(), await eyes.people.technician()
    await customer.goto("/book")
    await expect(customer.locator("#services .choice").first).to_be_visible()
    await eyes.see(customer, "booking, services")
    await customer.locator(f"input[name=service][value={eyes.people.household.service}]").check()
    # The very first may begin before it is asked for.
    await customer.locator(".time input").nth(1).check()
    await expect(customer.locator("#book-button")).to_be_enabled()
    await eyes.see(customer, "booking, a time is kept")
    # Somebody else gets that time meanwhile.
    await customer.route("**/api/appointments", taken)
    await customer.locator("#book-button").click()
    await expect(customer.get_by_role("alert")).to_be_visible()
    await eyes.see(customer, "booking, the time was taken")
    await customer.unroute("**/api/appointments")
    await customer.locator(".time input").nth(1).check()
    await customer.locator("#book-button").click()
    await expect(customer.locator("#confirmation")).to_be_visible()
    await eyes.see(customer, "booked")

    await customer.locator("#cancel").click()
    await expect(customer.get_by_role("dialog")).to_be_visible()
    await eyes.see(customer, "cancel dialog")
    visit = {"id": customer.url.rpartition("/")[2].partition("?")[0]}
    await customer.goto(f"/appointments/{visit['id']}/modify")
    await customer.locator(".time input").nth(3).check()
    await eyes.see(customer, "another time chosen")
    await travel(technician, visit)
    await customer.reload()
    await expect(customer.locator("#problem .notice")).to_be_visible()
    await eyes.see(customer, "no longer to be moved")
    await customer.goto(f"/appointments/{visit['id']}")
    await customer.locator("#cancel").click()
    await expect(customer.locator("#cancel-warning .notice")).to_be_visible()
    await eyes.see(customer, "canceling under way")


async def taken(route: Route) -> None:
    problem = {"status": 409, "code": "slot_taken", "title": "That time was just taken", "slots": []}
    if route.request.method == "POST":
        await route.fulfill(status=409, json=problem, content_type="application/problem+json")
    else:
        await route.fallback()


async def test_the_live_page_and_feedback(eyes: Eyes) -> None:
    customer, technician = await eyes.customer(), await eyes.people.technician()
    visit = await eyes.people.book(customer)
    live = f"/appointments/{visit['id']}/live"
    await customer.goto(live)
    await expect(customer.locator("main[data-stage=scheduled]")).to_be_visible()
    await expect(customer.locator("#sentence")).not_to_be_empty()
    await eyes.see(customer, "live, planned")
    await travel(technician, visit)
    await expect(customer.locator("main[data-stage=on_the_way]")).to_be_visible()
    await eyes.see(customer, "live, no position yet")
    answer = await technician.context.request.post("/api/technician/device-token", data={})
    headers = {"Authorization": f"Bearer {(await answer.json())['token']}"}
    await technician.context.request.post("/in/fix", data=fix_north(2000), headers=headers)
    await expect(customer.locator("main[data-map=shown]")).to_be_visible()
    await eyes.see(customer, "live, with the map")
    await customer.context.set_offline(True)
    await expect(customer.locator("#trouble .notice")).to_be_visible()
    await eyes.see(customer, "live, offline")
    await customer.context.set_offline(False)
    await change(technician, visit, "start")
    await expect(customer.locator("main[data-stage=in_progress]")).to_be_visible()
    await eyes.see(customer, "live, begun")
    await change(technician, visit, "complete")
    await expect(customer.locator("main[data-stage=completed]")).to_be_visible()
    await eyes.see(customer, "live, over")

    await customer.goto(f"/appointments/{visit['id']}/feedback")
    await expect(customer.locator("#about")).to_contain_text("Boiler check")
    await customer.locator("#send").click()
    await expect(customer.get_by_role("alert")).to_be_visible()
    await eyes.see(customer, "feedback without stars")
    await customer.locator("[name=rating][value='4']").check()
    await customer.locator("#send").click()
    await expect(customer.locator("#thanks")).to_be_visible()
    await eyes.see(customer, "feedback sent")


async def test_a_tracking_link_without_sign_in(eyes: Eyes) -> None:
    _, visit = await under_way(eyes.people)
    dispatcher = await eyes.people.signed_in("dora@enroute.example")
    links = f"/api/dispatch/appointments/{visit['id']}/links"
    answer = await (await dispatcher.context.request.post(links, data={})).json()

    stranger = await eyes.stranger(answer["url"].removeprefix(eyes.people.url))
    await expect(stranger.locator("main[data-map=shown]")).to_be_visible()
    await eyes.see(stranger, "live by a link")
    # Another was sent when the technician set off, perhaps in the same second; nobody has opened that one.
    known = (await (await dispatcher.context.request.get(links)).json())["links"]
    [opened] = [link for link in known if link["opened_at"]]
    await dispatcher.context.request.delete(f"/api/dispatch/links/{opened['id']}")

    await expect(stranger.locator("main[data-stage=cut]")).to_be_visible()
    await expect(stranger.locator(".vehicle")).to_be_hidden()
    await eyes.see(stranger, "link blocked while watching")
