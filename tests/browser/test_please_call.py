"""Past the cut-offs a visit is no longer changed online: the pages say whom to call."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import RULES, Household, People, town
from tests.servers import enroute_server, started_again

A_WEEK_S = "604800"
TOO_LATE = RULES | {"ENROUTE_MOVE_CUTOFF_S": A_WEEK_S, "ENROUTE_CANCEL_CUTOFF_S": A_WEEK_S}
PHONE = "+351 200 000 000"
ADDRESS = "tel:+351200000000"


async def expect_to_be_told(page: Page, path: str, *, within: str, words: str) -> None:
    await page.goto(path)
    await expect(page.locator(within)).to_contain_text(words)
    for name in ("Modify", "Cancel appointment"):
        await expect(page.get_by_role("link", name=name)).to_have_count(0)
        await expect(page.locator("main").get_by_role("button", name=name)).to_have_count(0)


async def test_when_it_is_too_late_the_dialog_and_every_page_name_the_number(browser: Browser, tmp_path: Path) -> None:
    phone = {"ENROUTE_CONTACT_PHONE": PHONE}
    words = f"To change or cancel it now, please call us: {PHONE}"
    async with enroute_server(tmp_path, seed=town(1), environ=RULES | phone, mortal=True) as server:
        people = People(browser, server.url, Household(0))
        people.expects("409 (Conflict)")
        people.expects("ERR_CONNECTION_")
        people.expects("WebSocket")
        customer = await people.customer()
        visit = await people.book(customer)
        await customer.goto(f"/appointments/{visit['id']}")
        await customer.get_by_role("button", name="Cancel appointment").click()
        dialog = customer.get_by_role("dialog")
        await dialog.get_by_label("Briefly, why?").fill("Not needed any more")

        server.process.kill()
        await server.process.wait()
        async with started_again(server, environ=TOO_LATE | phone):
            await dialog.get_by_role("button", name="Cancel appointment").click()

            await expect(dialog.get_by_role("alert")).to_contain_text("too late to cancel")
            await expect(dialog.get_by_role("link", name=PHONE)).to_have_attribute("href", ADDRESS)
            for path, place in (("/", ".visit"), (f"/appointments/{visit['id']}", "#visit")):
                await expect_to_be_told(customer, path, within=place, words=words)
                await expect(customer.locator(place).get_by_role("link", name=PHONE)).to_have_attribute("href", ADDRESS)
            modify = f"/appointments/{visit['id']}/modify"
            await expect_to_be_told(customer, modify, within="#problem", words=words)
            await expect(customer.locator("#problem").get_by_role("link")).to_have_attribute("href", ADDRESS)
        await people.leave()
        assert people.complaints == []


@pytest.mark.parametrize(("late", "words"), [("MOVE", "To change it now"), ("CANCEL", "To cancel it now")])
async def test_only_what_is_too_late_needs_a_call_and_without_a_number_it_is_a_sentence(
    browser: Browser, tmp_path: Path, late: str, words: str
) -> None:
    environ = RULES | {f"ENROUTE_{late}_CUTOFF_S": A_WEEK_S}
    async with enroute_server(tmp_path, seed=town(1), environ=environ) as server:
        people = People(browser, server.url, Household(0))
        customer = await people.customer()
        visit = await people.book(customer)

        await customer.goto(f"/appointments/{visit['id']}")
        await expect(customer.locator("#visit")).to_contain_text(f"{words}, please call us.")
        await expect(customer.get_by_role("link", name="Modify")).to_have_count(0 if late == "MOVE" else 1)
        await customer.goto("/")
        await expect(customer.get_by_role("link", name="Modify")).to_have_count(1)
        await expect(customer.locator(".visit")).not_to_contain_text("please call")
        await people.leave()
        assert people.complaints == []
        assert people.complaints == []
