"""What happens between a page's question and its first word from the server is not lost."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import People
from tests.browser.test_technician_page import at_work


@pytest.mark.parametrize(
    ("page", "question"),
    [("/", "**/api/appointments?section=current"), ("/appointments/{visit}", "**/api/appointments/*")],
)
async def test_a_change_while_the_page_is_being_loaded_is_shown(people: People, page: str, question: str) -> None:
    customer = await people.customer()
    visit = (await people.book(customer))["id"]
    technician = await at_work(people)

    async def answer_late(route: Route) -> None:
        answer = await route.fetch()
        assert "scheduled" in await answer.text()
        assert (await technician.context.request.post(f"/api/appointments/{visit}/travel", data={})).status == 200
        await route.fulfill(response=answer)

    await customer.route(question, answer_late, times=1)

    await customer.goto(page.format(visit=visit))

    await expect(customer.locator("main")).to_contain_text("On the way")
