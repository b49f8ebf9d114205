"""The set-up as a dispatcher changes it by the page: a switch, a file that is right, a file that is wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Page, Route, expect

from tests.browser.conftest import DESK, PHONE, People
from tests.browser.looks import ALL_LOOKS, DESK_DARK, PHONE_LIGHT, look_at
from tests.browser.visits import travel

PATH = "/dispatch/setup"


@pytest_asyncio.fixture
async def desk(people: People) -> AsyncIterator[Page]:
    """The page, open; afterwards every switch is on again for the others."""
    page = await people.signed_in("dora@enroute.example", viewport=DESK)
    await page.goto(PATH, wait_until="networkidle")
    yield page
    on = {"self_scheduling": True, "technician_tracking": True, "surveys": True}
    await page.context.request.put("/api/dispatch/switches", data=on)


def file(name: str, content: str) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": content.encode()}


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
async def test_the_page_is_reached_from_the_board_and_fits_the_screen(people: People, viewport: dict) -> None:
    page = await people.signed_in("dora@enroute.example", viewport=viewport)
    await page.goto("/dispatch")

    await page.get_by_role("link", name="Set-up").click()

    await expect(page.get_by_role("switch")).to_have_count(3)
    row = page.locator("#technicians tbody tr").first
    await expect(row).to_contain_text("Ana Alves")
    await expect(row).to_contain_text("Mon–Sun")
    assert await look_at(page, "set-up", ALL_LOOKS) == []


@pytest.mark.parametrize("locale", ["de-DE", "ar"])
async def test_the_page_fits_in_every_language(people: People, locale: str) -> None:
    page = await people.signed_in("dora@enroute.example", locale=locale)
    await page.goto(PATH)

    assert await look_at(page, f"set-up in {locale}", (PHONE_LIGHT, DESK_DARK)) == []


async def test_a_switch_that_is_thrown_is_in_force_on_the_customer_s_page(people: People, desk: Page) -> None:
    customer, technician = await people.customer(), await people.technician()
    await travel(technician, await people.book(customer))
    await customer.goto("/")
    await expect(customer.get_by_role("link", name="View Live Map")).to_be_visible()
    tracking = desk.get_by_role("switch", name="Customers see the technician on the way")

    await tracking.focus()
    await desk.keyboard.press("Space")

    await expect(tracking).to_have_attribute("aria-checked", "false")
    await expect(tracking).to_be_enabled()
    await customer.reload()
    await expect(customer.locator("#active .visit")).to_be_visible()
    await expect(customer.get_by_role("link", name="View Live Map")).to_have_count(0)
    await desk.reload()
    await expect(tracking).to_have_attribute("aria-checked", "false")


async def test_a_switch_that_the_server_refuses_goes_back_and_says_why(people: People, desk: Page) -> None:
    people.expects("503 (Service Unavailable)")
    surveys = desk.get_by_role("switch", name="Customers are asked for feedback")
    problem = {"status": 503, "code": "storage_unavailable", "title": "Very busy just now, please try again soon"}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json=problem, content_type="application/problem+json")

    await desk.route("**/api/dispatch/switches", refuse)
    await surveys.click()

    await expect(desk.get_by_role("alert")).to_have_text(problem["title"])
    await expect(surveys).to_have_attribute("aria-checked", "true")


async def test_a_file_with_an_error_changes_nothing_and_says_where(people: People, desk: Page) -> None:
    people.expects("422 (Unprocessable")
    content = "date,name\n2031-12-24,Closed\n2031-12-32,Nonsense\n"

    await desk.get_by_label("Import a file").set_input_files([file("holidays.csv", content)])

    await expect(desk.get_by_role("alert")).to_have_text("Nothing was imported. This stands in the way:")
    await expect(desk.locator("#faults li")).to_have_count(1)
    await expect(desk.locator("#faults code")).to_have_text("holidays.csv:3: date")
    await expect(desk.get_by_role("button", name="Import it")).to_be_hidden()
    assert await look_at(desk, "a file with an error", (PHONE_LIGHT, DESK_DARK)) == []
    await desk.reload()
    await expect(desk.locator("#holidays")).not_to_contain_text("Closed")


async def test_a_file_that_is_right_is_checked_imported_and_stands_in_the_table(desk: Page) -> None:
    rows = [{"date": "2031-05-01", "name": "Founder’s <b>day</b>"}]
    lists = {"holidays": rows, "switches": [{"switch": "surveys", "on": False}]}

    await desk.get_by_label("Import a file").set_input_files([file("more.json", json.dumps(lists))])
    await expect(desk.locator("#checked-text")).to_have_text("more.json would bring:")
    await expect(desk.locator("#changes li")).to_have_text(["Switches: 1 changed", "Holidays: 1 new"])
    await expect(desk.locator("#holidays")).not_to_contain_text("Founder")
    assert await look_at(desk, "a file that is checked", (PHONE_LIGHT, DESK_DARK)) == []
    await desk.get_by_role("button", name="Import it").click()

    await expect(desk.get_by_role("status")).to_have_text("more.json was imported.")
    await expect(desk.locator("#holidays tbody tr").last).to_contain_text("1 May 2031")
    await expect(desk.locator("#holidays tbody tr").last).to_contain_text("Founder’s <b>day</b>")
    surveys = desk.get_by_role("switch", name="Customers are asked for feedback")
    await expect(surveys).to_have_attribute("aria-checked", "false")
    # The new one of the page that was drawn again is alive, too.
    await surveys.click()
    await expect(surveys).to_have_attribute("aria-checked", "true")
    await expect(surveys).to_be_enabled()


async def test_the_set_up_that_was_downloaded_would_change_nothing(desk: Page) -> None:
    async with desk.expect_download() as downloading:
        await desk.get_by_role("link", name="Download the set-up").click()
    download = await downloading.value
    assert download.suggested_filename == "set-up.json"

    await desk.get_by_label("Import a file").set_input_files(await download.path())

    await expect(desk.locator("#checked-text")).to_contain_text("would change nothing.")
    await expect(desk.get_by_role("button", name="Import it")).to_be_hidden()


async def test_a_holiday_and_a_day_off_are_added_and_removed(people: People, desk: Page) -> None:
    people.expects("422 (Unprocessable")
    mine = f"ana-{people.household.number}"
    await desk.get_by_label("Nobody works on").fill("2031-08-15")
    await desk.get_by_label("Called").fill("Assumption")
    await desk.get_by_role("button", name="Add the holiday").click()
    await expect(desk.locator("#holidays tbody tr")).to_contain_text(["15 Aug 2031"])

    form = desk.locator("#day-form")
    await form.get_by_label("Technician").select_option(mine)
    await form.get_by_label("Day", exact=True).fill("2031-08-18")
    await form.get_by_label("What").select_option("extra")
    await form.get_by_role("button", name="Save the day").click()
    await expect(desk.get_by_role("alert")).to_be_visible()
    await form.get_by_label("What").select_option("off")
    await form.get_by_role("button", name="Save the day").click()
    await expect(desk.locator("#days tbody tr")).to_contain_text(["18 Aug 2031 off"])
    assert await look_at(desk, "days that differ", (PHONE_LIGHT, DESK_DARK)) == []

    await desk.get_by_role("button", name="Remove: Ana Alves, 18 Aug 2031 off").click()
    await expect(desk.locator("#days")).not_to_contain_text("18 Aug 2031")
    await desk.get_by_role("button", name="Remove: 15 Aug 2031, Assumption").click()
    await expect(desk.locator("#holidays")).not_to_contain_text("15 Aug 2031")
