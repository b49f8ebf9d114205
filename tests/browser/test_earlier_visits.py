"""The Past tab shows the newest page; older visits come with a press of a button, and stay."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import People, open_and_listen

PAGE = 50
MORE = 3


async def book_and_cancel(customer: Page, first: dict[str, Any], times: int) -> None:
    """The same time again and again: who cancels gives it back."""
    request = customer.context.request
    slot = {"service": first["service"]["id"], "asset": None, "slot": first["slot"]}
    for _ in range(times):
        booked = await request.post("/api/appointments", data=slot)
        assert booked.status == 201, await booked.text()
        path = f"/api/appointments/{(await booked.json())['id']}/cancel"
        assert (await request.post(path, data={"reason": "no longer needed"})).status == 200


async def test_older_visits_are_reached_by_the_keyboard_and_stay_when_the_page_renews_itself(people: People) -> None:
    customer = await people.customer()
    request = customer.context.request
    visit = await people.book(customer, nth=8)
    days = {"service": visit["service"]["id"], "moving": visit["id"]}
    offered = (await (await request.get("/api/slots", params=days)).json())["days"]
    slot = next(slot for day in offered for slot in day["slots"] if slot["window_start"] == visit["window_start"])
    await request.post(f"/api/appointments/{visit['id']}/cancel", data={"reason": "no longer needed"})
    await book_and_cancel(customer, visit | {"slot": slot["slot"]}, PAGE + MORE - 1)
    await open_and_listen(customer, "/")
    await customer.get_by_role("tab", name="Past").click()
    cards = customer.locator("#past-list .visit")
    await expect(cards).to_have_count(PAGE)

    await customer.get_by_role("button", name="Show earlier visits").focus()
    await customer.keyboard.press("Enter")

    await expect(cards).to_have_count(PAGE + MORE)
    await expect(customer.locator("#news")).to_have_text(f"{MORE} earlier visits added, {PAGE + MORE} are shown.")
    await expect(cards.nth(PAGE).get_by_role("link").first).to_be_focused()
    await expect(customer.locator("#earlier")).to_be_hidden()
    await book_and_cancel(customer, visit | {"slot": slot["slot"]}, 1)
    await expect(cards).to_have_count(PAGE + MORE + 1)
