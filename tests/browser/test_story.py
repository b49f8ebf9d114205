"""The whole story, by the pages alone: book, move, travel, watch, arrive, work, rate."""

from __future__ import annotations

import asyncio
import itertools
import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import DESK, DESTINATION, PHONE, SOON_MS, People
from tests.servers import PASSWORD

STEP_DEG = 0.000_12
"""About 13 m: a second in city traffic."""
START_DEG = 0.006


async def sign_in(page: Page, email: str) -> None:
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def drive(technician: Page, step: int) -> None:
    """The phone is `step` steps nearer than at the start, coming from the north."""
    latitude = DESTINATION["lat"] + START_DEG - step * STEP_DEG
    place = {"latitude": latitude, "longitude": DESTINATION["lon"], "accuracy": 5}
    await technician.context.set_geolocation(place)  # type: ignore[arg-type]


async def distance_left_m(customer: Page) -> float:
    number, unit = re.match(r"([\d.]+) (k?m) away", await customer.locator("#distance").inner_text()).groups()  # type: ignore[union-attr]
    return float(number) * (1000 if unit == "km" else 1)


async def height_of_marker_px(customer: Page) -> float:
    """How far the marker stands above the destination on the screen."""
    # In one go: both move when the map does.
    height: float = await customer.evaluate(
        """() => {
          const boxOf = (selector) => document.querySelector(selector).getBoundingClientRect();
          const [marker, pin] = [".vehicle", ".destination-box"].map(boxOf);
          return pin.bottom - (marker.y + marker.height / 2);
        }"""
    )
    return height


@pytest.mark.parametrize(
    "viewport", [pytest.param(PHONE, id="phone"), pytest.param(DESK, id="desk", marks=pytest.mark.full)]
)
async def test_a_visit_from_booking_to_feedback(people: People, viewport: dict[str, int]) -> None:
    customer = await people.page("/", viewport=viewport)

    # The first sign-in shows the profile, which can be skipped.
    await expect(customer).to_have_url(re.compile("/sign-in$"))
    await sign_in(customer, people.household.customer)
    await expect(customer.get_by_label("Name")).to_have_value("Maria")
    await customer.get_by_role("link", name="Skip", exact=True).click()
    await expect(customer.get_by_role("heading", name="No visit is planned")).to_be_visible()

    # Booking: thing, service, day, time, kept, booked.
    await customer.get_by_role("link", name="Book a new appointment").first.click()
    await customer.get_by_label("What is it about?").select_option(label="Boiler (Rua das Flores 1, Porto)")
    await customer.locator(f"input[value={people.household.service}]").check()
    await customer.get_by_label("Anything we should know?").fill("Please <b>knock</b>.")
    # The very first may begin before it is asked for.
    await customer.locator(".time").nth(1).click()
    await expect(customer.get_by_role("timer")).to_contain_text(re.compile(r"Kept for another 4:\d\d"))
    await customer.get_by_role("button", name="Book").click()
    await expect(customer.get_by_text("It is booked.")).to_be_visible()
    await expect(customer.get_by_text("Please <b>knock</b>.")).to_be_visible()
    booked_window = await customer.locator(".window").inner_text()
    async with customer.expect_download() as download:
        await customer.get_by_role("link", name="Add to calendar").click()
    assert "BEGIN:VEVENT" in (await (await download.value).path()).read_text()

    # Moving it to another time of the same day.
    await customer.get_by_role("link", name="Modify").click()
    await expect(customer.locator("#current-time")).to_contain_text(booked_window)
    await customer.locator(".time").nth(3).click()
    await customer.get_by_role("button", name="Save").click()
    await expect(customer.get_by_text("Your visit has a new time.")).to_be_visible()
    moved_window = await customer.locator(".window").inner_text()
    assert moved_window != booked_window
    await customer.get_by_role("link", name="Home").click()
    await expect(customer.locator("#upcoming .visit")).to_contain_text(moved_window)

    # The technician sets off; the customer's homepage shows it without anybody pressing reload.
    technician = await people.page(
        "/", permissions=["geolocation"], geolocation={"latitude": 41.156, "longitude": -8.61, "accuracy": 5}
    )
    await sign_in(technician, people.household.technician)
    await technician.get_by_role("link", name="Skip", exact=True).click()
    await technician.get_by_label("On duty").check()
    await technician.get_by_role("button", name="Start traveling").click()
    await expect(technician.locator("#sharing-state")).to_contain_text("On · last position")
    await expect(customer.locator("#active .visit")).to_contain_text("On the way")

    # Watching: words first, then the marker moves down the screen and the distance falls.
    await customer.get_by_role("link", name="View Live Map").click()
    await expect(customer.get_by_role("heading", name="Ana Alves")).to_be_visible()
    await expect(customer.get_by_role("link", name="Call Ana Alves")).to_have_attribute("href", "tel:+351912345678")
    await drive(technician, 1)
    await expect(customer.locator("#freshness")).to_have_text("Live")
    await expect(customer.locator("#arrival-clock")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    await expect(customer.locator(".vehicle")).to_be_visible()
    await expect(technician.locator("#watchers")).to_contain_text("Maria", timeout=20_000)
    first_m, first_px = await distance_left_m(customer), await height_of_marker_px(customer)
    heights = [first_px]
    for step in range(2, 12):
        await drive(technician, step)
        await customer.wait_for_timeout(1000)
        heights.append(await height_of_marker_px(customer))
    async with asyncio.timeout(SOON_MS / 1000):
        while await distance_left_m(customer) > first_m - 80 or heights[-1] >= first_px - 20:
            await customer.wait_for_timeout(200)
            heights.append(await height_of_marker_px(customer))
    assert all(later <= earlier + 2 for earlier, later in itertools.pairwise(heights)), heights

    # At work, done, rated.
    await technician.get_by_role("button", name="Start the visit").click()
    await expect(customer.get_by_role("heading", name="The visit has begun")).to_be_visible()
    await expect(customer.locator(".vehicle")).not_to_be_visible()
    await technician.get_by_role("button", name="Complete").click()
    await expect(customer.get_by_role("heading", name="The visit is completed")).to_be_visible()
    await customer.get_by_role("link", name="Home").click()
    await expect(customer.locator("#empty")).to_be_visible()
    await customer.get_by_role("tab", name="Past").click()
    await customer.get_by_role("link", name="Send feedback").click()
    await expect(customer.locator("#about")).to_contain_text("Boiler check")
    await customer.get_by_label("4 of 5").check()
    await customer.get_by_label("A comment").fill("Quick and friendly")
    await customer.get_by_role("button", name="Send feedback").click()
    await expect(customer.get_by_text("Thank you.")).to_be_visible()
