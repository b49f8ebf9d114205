"""What changes under a customer who is watching: who comes, and whether they still may watch."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import RULES, Household, People, town
from tests.browser.test_live_page import fix_north
from tests.browser.visits import travel
from tests.servers import EVERY_DAY, PASSWORD, enroute_server

# What the page said of who comes, and whether a marker was on the map at that moment.
NAMES = """() => {
  window.told = [];
  const card = document.getElementById("technician");
  const note = () => {
    const name = card.querySelector("h2, h3")?.textContent;
    const marker = document.querySelector(".vehicle");
    window.told.push([name, Boolean(marker) && marker.getClientRects().length > 0 && !marker.hidden]);
  };
  new MutationObserver(note).observe(card, { childList: true, subtree: true });
}"""


class Phone:
    """A technician on duty, and the phone that tells where they are."""

    def __init__(self, technician: Page, token: str) -> None:
        self._request = technician.context.request
        self._headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    async def of(cls, technician: Page) -> Phone:
        request = technician.context.request
        await request.post("/api/duty", data={"duty": "on_duty"})
        answer = await request.post("/api/technician/device-token", data={})
        return cls(technician, (await answer.json())["token"])

    async def stands(self, north_m: float) -> str:
        """So far north of the customer, now; the time of that fix."""
        fix = fix_north(north_m)
        answer = await self._request.post("/in/fix", data=fix, headers=self._headers)
        assert (await answer.json())["accepted"] == 1, await answer.text()
        return str(fix["fixed_at"])


class Watched:
    """A stranger who watches a visit by a tracking link, and the dispatcher who has a hand on that link."""

    def __init__(self, stranger: Page, dispatcher: Page, link: str, phone: Phone) -> None:
        self.stranger = stranger
        self.phone = phone
        self._request = dispatcher.context.request
        self._path = f"/api/dispatch/links/{link}"

    async def ends_in(self, **span: float) -> None:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(**span)
        answer = await self._request.put(self._path, data={"expires_at": end.isoformat()})
        assert answer.status == 204, await answer.text()

    async def is_blocked(self) -> None:
        answer = await self._request.delete(self._path)
        assert answer.status == 204, await answer.text()

    async def says_that_the_link_is_dead(self) -> None:
        await expect(self.stranger.get_by_role("heading", name="This link no longer works")).to_be_visible()
        await expect(self.stranger.locator("#announcer")).to_contain_text("This link no longer works")
        await expect(self.stranger.locator(".vehicle")).to_be_hidden()
        await expect(self.stranger.locator("#technician")).to_be_hidden()
        await expect(self.stranger.locator("#arrival-block")).to_be_hidden()


async def link_to(dispatcher: Page, visit: dict[str, Any]) -> dict[str, Any]:
    answer = await dispatcher.context.request.post(f"/api/dispatch/appointments/{visit['id']}/links", data={})
    link: dict[str, Any] = await answer.json()
    return link


@pytest_asyncio.fixture
async def watched(people: People) -> Watched:
    customer, technician = await people.customer(), await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    phone = await Phone.of(technician)
    fixed_at = await phone.stands(2000)
    dispatcher = await people.signed_in("dora@enroute.example")
    link = await link_to(dispatcher, visit)
    stranger = await people.page(link["url"].removeprefix(people.url))
    await expect(stranger.locator(".vehicle")).to_have_attribute("data-fixed-at", fixed_at)
    # Whoever is asked to come again does so after half a second, not after up to six: they have twenty in all. Small
    # numbers, not one: the map numbers what it asks its workers by them, and takes the answer of the same number.
    await stranger.evaluate("const random = Math.random; Math.random = () => random() / 1e6")
    return Watched(stranger, dispatcher, link["id"], phone)


async def test_a_link_that_is_extended_goes_on_where_it_was(watched: Watched) -> None:
    address = watched.stranger.url

    async with watched.stranger.expect_event("websocket"):
        await watched.ends_in(days=2)
    newest = await watched.phone.stands(1990)

    await expect(watched.stranger.locator(".vehicle")).to_have_attribute("data-fixed-at", newest)
    await expect(watched.stranger.locator("#freshness")).to_have_text("Live")
    assert watched.stranger.url == address


async def test_a_link_whose_time_is_up_while_it_is_open_shows_nothing_more_and_says_so(watched: Watched) -> None:
    gone = watched.stranger.locator("main[data-stage=cut]")

    async with watched.stranger.expect_event("websocket"):
        await watched.ends_in(seconds=20)
    before = await watched.phone.stands(1990)
    await expect(watched.stranger.locator(".vehicle")).to_have_attribute("data-fixed-at", before)
    for step in range(40):
        await watched.phone.stands(1980 - 10 * step)
        if await gone.count():
            break
        await watched.stranger.wait_for_timeout(1000)

    await watched.says_that_the_link_is_dead()
    await expect(watched.stranger.get_by_role("link", name="Sign in instead")).to_be_visible()


async def test_a_link_that_is_blocked_is_cut_at_once_and_stays_dead(watched: Watched) -> None:
    await watched.is_blocked()

    await watched.says_that_the_link_is_dead()
    await watched.phone.stands(1990)
    await watched.stranger.get_by_role("link", name="Sign in instead").click()
    await expect(watched.stranger.get_by_role("heading", name="Welcome back")).to_be_visible()


def two_technicians() -> dict[str, Any]:
    """A household to which either of two can come."""
    seed = town(1)
    [ana] = seed["technicians"]
    seed["technicians"].append(ana | {"id": "bea", "name": "Bea Brandão", "phone": "+351 910 000 000"})
    staff = {"email": "bea@enroute.example", "name": "Bea", "role": "technician", "technician": "bea"}
    seed["staff"].append(staff | {"password": PASSWORD})
    assert ana["shifts"] == EVERY_DAY
    return seed


async def test_who_comes_instead_takes_the_place_in_one_go_under_the_same_link(
    browser: Browser, tmp_path: Path
) -> None:
    async with enroute_server(tmp_path, seed=two_technicians(), environ=RULES) as server:
        people = People(browser, server.url, Household(0))
        customer, dispatcher = await people.customer(), await people.signed_in("dora@enroute.example")
        visit = await people.book(customer)
        request = dispatcher.context.request
        reassign = f"/api/dispatch/appointments/{visit['id']}/reassign"
        await request.post(reassign, data={"technician": "ana-0"})
        ana, bea = await people.technician(), await people.signed_in("bea@enroute.example")
        await travel(ana, visit)
        phones = [await Phone.of(each) for each in (ana, bea)]
        await phones[0].stands(2000)
        stranger = await people.page((await link_to(dispatcher, visit))["url"].removeprefix(people.url))
        await expect(stranger.get_by_role("heading", name="Ana Alves")).to_be_visible()
        await expect(stranger.locator(".vehicle")).to_be_visible()
        address = stranger.url
        await stranger.evaluate(NAMES)

        answer = await request.post(reassign, data={"technician": "bea"})
        assert answer.status == 200, await answer.text()
        await expect(stranger.get_by_role("heading", name="Bea Brandão")).to_be_visible()
        await expect(stranger.locator(".vehicle")).to_be_hidden()
        await expect(stranger.locator("#announcer")).to_contain_text("Bea Brandão is coming instead.")
        await expect(stranger.get_by_role("link", name="Call Bea Brandão")).to_be_visible()
        fixed_at = await phones[1].stands(1500)

        await expect(stranger.locator(".vehicle")).to_be_visible()
        await expect(stranger.locator(".vehicle")).to_have_attribute("data-fixed-at", fixed_at)
        assert await stranger.evaluate("window.told.map(([name]) => name)") == ["Bea Brandão"]
        assert stranger.url == address
        await people.leave()
        assert people.complaints == []
