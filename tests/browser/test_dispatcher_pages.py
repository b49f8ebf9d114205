"""What a dispatcher does for a customer by the pages: book, hand over, let watch, invite, and read what happened."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import DESK, People
from tests.browser.looks import DESK_DARK, PHONE_LIGHT, look_at
from tests.browser.visits import travel

LOOKS = (PHONE_LIGHT, DESK_DARK)


async def dispatcher_of(people: People) -> Page:
    return await people.signed_in("dora@enroute.example", viewport=DESK)


async def test_a_visit_is_booked_for_a_customer_who_is_on_the_phone(people: People) -> None:
    page = await dispatcher_of(people)
    await page.goto("/dispatch")
    await page.get_by_role("link", name="Customers").click()
    await page.get_by_label("Find by name").fill(people.household.customer.upper())
    customer = page.locator(f"#customers li[data-email='{people.household.customer}']")
    await expect(page.locator("#customers li")).to_have_count(1)
    await expect(customer).to_contain_text("Can sign in")
    wrong = await look_at(page, "customers", LOOKS)

    await customer.get_by_role("link", name="Book").click()
    # The customer is known by now, and nothing is asked for nobody.
    await expect(page.get_by_label("What is it about?").locator("option", has_text="Boiler")).to_have_count(1)
    await page.locator(f"input[name=service][value={people.household.service}]").check()
    # The very first may begin before it is asked for.
    await page.locator(".time").nth(1).click()
    await expect(page.get_by_role("timer")).to_contain_text(re.compile(r"Kept for another 4:\d\d"))
    wrong += await look_at(page, "book for a customer", LOOKS)
    await page.get_by_role("button", name="Book").click()

    await expect(page).to_have_url(re.compile(r"/dispatch/visits/[^/]+\?booked$"))
    await expect(page.get_by_text("The customer has been sent the details.")).to_be_visible()
    await expect(page.locator("#customer")).to_contain_text(people.household.customer)
    await expect(page.locator("#history li")).to_contain_text(["Booked"])
    await expect(page.locator("#history li")).to_contain_text(["Dispatcher"])
    assert wrong + await look_at(page, "visit, just booked", LOOKS) == []


async def test_nothing_can_be_chosen_for_a_customer_who_is_not_known(people: People) -> None:
    page = await dispatcher_of(people)
    await page.goto("/dispatch/book?contact=nobody@nowhere.example")

    service = page.locator(f"input[name=service][value={people.household.service}]")
    await expect(service).to_be_disabled()
    await page.get_by_label("Customer").fill(people.household.customer)

    await expect(service).to_be_enabled()


async def test_somebody_is_invited_and_the_link_leads_to_the_invitation(people: People) -> None:
    page = await dispatcher_of(people)
    await page.goto("/dispatch/customers")
    eva = page.locator("#customers li[data-email='eva@lopes.example']")

    await eva.get_by_role("button", name="Invite").click()

    await expect(page.get_by_role("status")).to_have_text("eva@lopes.example has been invited.")
    await expect(eva).to_contain_text("Invited")
    link = await page.locator("#invitation-url").input_value()
    assert await look_at(page, "invited", LOOKS) == []
    stranger = await people.page(link.removeprefix(people.url))
    await expect(stranger.get_by_role("heading", name="You are invited")).to_be_visible()


async def test_a_link_is_made_extended_blocked_and_everything_is_in_the_history(people: People) -> None:
    visit = await people.book(await people.customer())
    page = await dispatcher_of(people)
    await page.goto(f"/dispatch/visits/{visit['id']}")
    await expect(page.locator("#history li")).to_contain_text(["Customer"])

    await page.get_by_role("button", name="Make a link").click()
    await expect(page.locator("#link-url")).to_have_value(re.compile(r"/t#[\w-]{22,}$"))
    row = page.locator("#links li[data-link]")
    await expect(row).to_contain_text("Works")
    await expect(row).to_contain_text("not opened yet")
    await expect(row).to_contain_text("until 1 h after the visit")
    await row.get_by_role("button", name="One more day").click()
    await expect(row).to_contain_text("until 25 h after the visit")
    assert await look_at(page, "visit with a link", LOOKS) == []
    await row.get_by_role("button", name="Block").click()
    await expect(row).to_contain_text("Blocked")
    await expect(row.get_by_role("button")).to_have_count(0)


async def test_the_dispatcher_reads_who_watched_the_technician(people: People) -> None:
    customer, technician = await people.customer(), await people.technician()
    visit = await people.book(customer)
    page = await dispatcher_of(people)
    await page.goto(f"/dispatch/visits/{visit['id']}")
    await expect(page.locator("#watched li")).to_have_text(["Nobody so far."])
    await travel(technician, visit)

    await customer.goto(f"/appointments/{visit['id']}/live")
    await expect(customer.locator("main[data-stage=on_the_way]")).to_be_visible()
    await page.reload()

    row = page.locator("#watched li", has_text="on their page")
    await expect(row).to_contain_text("saw Ana")
    assert await look_at(page, "visit that was watched", LOOKS) == []


async def test_a_technician_who_cannot_do_it_is_refused_with_the_reason(people: People) -> None:
    people.expects("409 (Conflict)")
    people.expects("422 (Unprocessable")
    visit = await people.book(await people.customer())
    page = await dispatcher_of(people)
    await page.goto(f"/dispatch/visits/{visit['id']}")
    mine = f"ana-{people.household.number}"
    await expect(page.get_by_label("Technician")).to_have_value(mine)

    await page.get_by_label("Technician").select_option("ana-0" if mine != "ana-0" else "ana-1")
    await page.get_by_role("button", name="Hand over the visit").click()

    await expect(page.get_by_role("alert")).to_be_visible()
    assert await look_at(page, "reassignment refused", LOOKS) == []


async def test_no_live_map_is_offered_where_tracking_is_off(people: People) -> None:
    visit = await people.book(await people.customer())
    await travel(await people.technician(), visit)
    page = await dispatcher_of(people)
    live_map = page.get_by_role("link", name="View Live Map")
    await page.goto(f"/dispatch/visits/{visit['id']}")
    await expect(live_map).to_be_visible()

    try:
        await page.context.request.put("/api/dispatch/switches", data={"technician_tracking": False})
        await page.reload()

        await expect(page.locator(".visit-head .badge")).to_have_text("On the way")
        await expect(live_map).to_have_count(0)
    finally:
        # Every test has the same server.
        await page.context.request.put("/api/dispatch/switches", data={"technician_tracking": True})
