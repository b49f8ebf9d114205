"""Days on which nothing is free can be chosen, and say why."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import DESK, People


async def go_beyond_the_lead(page: Page) -> None:
    """Two months ahead nothing can be booked yet."""
    for _ in range(5):
        async with page.expect_response(lambda answer: "/api/slots" in answer.url):
            await page.get_by_role("button", name="Later days").click()


async def test_an_empty_day_tells_the_customer_why_in_words_and_aloud(people: People) -> None:
    customer = await people.customer()
    await customer.goto("/book")
    await customer.locator(f'input[name="service"][value="{people.household.service}"]').check()
    await expect(customer.locator("#times .time").first).to_be_visible()

    await go_beyond_the_lead(customer)

    sentence = "This day cannot be booked yet. Please come back a little later."
    await expect(customer.locator("#times").get_by_role("status")).to_contain_text(sentence)
    last = customer.locator("#days .day").last
    await expect(last.locator(".free")).to_have_text("not yet")
    await expect(customer.get_by_role("radio", name=sentence)).to_have_count(14)
    await last.locator("input").check()
    await expect(customer.locator("#summary")).to_be_hidden()


async def test_a_dispatcher_who_moves_a_visit_is_told_more(people: People) -> None:
    visit = await people.book(await people.customer())
    dispatcher = await people.signed_in("dora@enroute.example", viewport=DESK)
    await dispatcher.goto(f"/appointments/{visit['id']}/modify")
    await expect(dispatcher.locator("#times .time").first).to_be_visible()

    await go_beyond_the_lead(dispatcher)

    await expect(dispatcher.locator("#times").get_by_role("status")).to_have_text(
        "Further ahead than the maximum lead time."
    )
