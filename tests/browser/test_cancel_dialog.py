"""Canceling: a reason is asked for, and nothing happens by accident."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import People, open_and_listen
from tests.browser.visits import travel


async def test_a_visit_is_canceled_only_with_a_reason(people: People) -> None:
    customer = await people.customer()
    visit = await people.book(customer)
    await customer.goto(f"/appointments/{visit['id']}/modify")

    await customer.get_by_role("button", name="Cancel appointment").click()
    dialog = customer.get_by_role("dialog")
    await dialog.get_by_role("button", name="Cancel appointment").click()
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("Briefly, why?").fill("We are away <that> week")
    await expect(dialog.get_by_text("23 of 500")).to_be_visible()
    await dialog.get_by_role("button", name="Cancel appointment").click()

    await expect(customer.get_by_text("Your visit is canceled.")).to_be_visible()
    await expect(customer.get_by_text("We are away <that> week")).to_be_visible()
    await customer.get_by_role("link", name="Home").click()
    await expect(customer.locator("#empty")).to_be_visible()
    await customer.get_by_role("tab", name="Past").click()
    await expect(customer.locator("#past-list .visit")).to_contain_text("Canceled")
    await expect(customer.get_by_role("link", name="Send feedback")).to_have_count(0)


async def test_keeping_it_changes_nothing_and_escape_keeps_it_too(people: People) -> None:
    customer = await people.customer()
    visit = await people.book(customer)
    await customer.goto(f"/appointments/{visit['id']}")

    await customer.get_by_role("button", name="Cancel appointment").click()
    await customer.get_by_role("button", name="Keep it").click()
    await customer.get_by_role("button", name="Cancel appointment").click()
    await customer.keyboard.press("Escape")

    await expect(customer.get_by_role("dialog")).to_be_hidden()
    answer = await customer.context.request.get(f"/api/appointments/{visit['id']}")
    assert (await answer.json())["status"] == "scheduled"


async def test_a_technician_who_is_under_way_is_worth_a_warning(people: People) -> None:
    customer = await people.customer()
    technician = await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    await customer.goto(f"/appointments/{visit['id']}")

    await customer.get_by_role("button", name="Cancel appointment").click()

    await expect(customer.locator("#cancel-warning")).to_contain_text("on the way")


async def test_a_visit_in_progress_can_no_longer_be_changed(people: People) -> None:
    customer = await people.customer()
    technician = await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    await open_and_listen(customer, "/")
    await expect(customer.locator("#active .visit")).to_be_visible()

    await technician.context.request.post(f"/api/appointments/{visit['id']}/start", data={})

    await expect(customer.locator("#upcoming .visit")).to_contain_text("In progress")
    await expect(customer.get_by_role("button", name="Modify")).to_be_disabled()


async def test_a_change_by_somebody_else_is_shown_before_the_visit_is_canceled(people: People) -> None:
    customer = await people.customer()
    technician = await people.technician()
    visit = await people.book(customer)
    people.expects("412 (Precondition Failed)")
    await customer.goto(f"/appointments/{visit['id']}")
    await customer.get_by_role("button", name="Cancel appointment").click()
    dialog = customer.get_by_role("dialog")
    await dialog.get_by_label("Briefly, why?").fill("Not needed any more")

    await travel(technician, visit)
    await dialog.get_by_role("button", name="Cancel appointment").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("changed meanwhile")
    await expect(dialog.locator("#cancel-warning")).to_contain_text("on the way")
    await dialog.get_by_role("button", name="Cancel appointment").click()

    await expect(customer.get_by_text("Your visit is canceled.")).to_be_visible()
