"""A visit that could not be done is offered again: the same work, another time."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import People
from tests.browser.visits import travel


async def test_after_nobody_was_home_the_page_leads_to_new_times_for_the_same_work(people: People) -> None:
    customer = await people.customer()
    technician = await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    path = f"/api/appointments/{visit['id']}/cancel"
    answer = await technician.context.request.post(path, data={"reason": "nobody home"})
    assert answer.status == 200, await answer.text()

    await customer.goto(f"/appointments/{visit['id']}")
    await expect(customer.get_by_text("nobody home")).to_be_visible()
    await customer.get_by_role("link", name="Choose a new time").click()

    await expect(customer.locator("input[name=service]:checked")).to_have_value(visit["service"]["id"])
    await expect(customer.locator("input[name=slot]").first).to_be_attached()
