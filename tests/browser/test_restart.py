"""The server is killed under an open live page and started again: the page is right again by itself."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.conftest import RULES, Household, People, town
from tests.browser.test_live_page import fix_north
from tests.browser.visits import travel
from tests.servers import enroute_server, started_again

BACK_WITHIN_MS = 30_000


async def test_the_live_page_and_the_homepage_are_right_again_after_the_server_was_killed(
    browser: Browser, tmp_path: Path
) -> None:
    async with enroute_server(tmp_path, seed=town(1), environ=RULES, mortal=True) as server:
        people = People(browser, server.url, Household(0))
        customer, technician = await people.customer(), await people.technician()
        visit = await people.book(customer)
        await travel(technician, visit)
        answer = await technician.context.request.post("/api/technician/device-token", data={})
        headers = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        phone = technician.context.request
        await phone.post("/in/fix", data=fix_north(3000), headers=headers)
        await customer.goto(f"/appointments/{visit['id']}/live")
        await expect(customer.locator("#distance")).to_contain_text("km")
        home = await customer.context.new_page()
        await home.goto("/")
        await expect(home.locator("#active .visit")).to_be_visible()

        server.process.kill()
        await server.process.wait()
        await expect(customer.locator("#trouble")).to_contain_text("cannot reach our server")
        await expect(customer.locator("#freshness")).to_contain_text("ago")
        await expect(home.locator("#problem")).to_contain_text("cannot reach the server")
        async with started_again(server, environ=RULES):
            await phone.post("/in/fix", data=fix_north(2900), headers=headers)

            await expect(customer.locator("#distance")).to_contain_text("3.9 km", timeout=BACK_WITHIN_MS)
            await expect(customer.locator("#freshness")).to_have_text("Live")
            await expect(home.locator("#problem")).to_be_empty(timeout=BACK_WITHIN_MS)
        await people.leave()
