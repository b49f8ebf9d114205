"""How right the arrival times were, as a dispatcher reads it at a desk and on a phone."""

import re
import time

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import DESK, PHONE, People
from tests.browser.looks import DESK_DARK, PHONE_LIGHT, look_at
from tests.servers import EnrouteServer
from tracker.ledger import MINUTES_BEFORE, area_of
from tracker.records import Prediction
from tracker.store import SqlTrackStore, tracks_url
from web.arrivals_words import MONTHS

MINUTE_MS = 60_000
NAMES = {"ana", "Ana", "Alves", "Rua", "das", "Flores", "Etc", "GMT", "UTC"}
"""Of technicians, streets and zones."""
SPELLED_ALIKE = {"N", "W", "s", "in", "so", *MONTHS.split()}
"""In English and in German."""


@pytest.fixture
def ledger(town_server: EnrouteServer) -> None:
    """Twelve visits of the last hour, each in an area of its own."""
    store = SqlTrackStore(tracks_url(town_server.database))
    now_ms = time.time_ns() // 1_000_000
    for number in range(12):
        arrived_at = now_ms - 5 * MINUTE_MS * number
        store.write_predictions(
            Prediction(
                trip_id=f"ledger-{number}",
                minutes_before=minutes,
                technician_id=f"ana-{number}",
                predicted_at=arrived_at - minutes * MINUTE_MS,
                eta_at=arrived_at + MINUTE_MS,
                eta_low_at=arrived_at - MINUTE_MS,
                eta_high_at=arrived_at + 2 * MINUTE_MS,
                arrived_at=arrived_at,
                area=area_of(lat=41.15 + 0.05 * number, lon=-8.61),
            )
            for minutes in MINUTES_BEFORE
        )
    store.close()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
async def test_the_page_is_reached_from_the_board_and_fits_the_screen(people: People, ledger: None, viewport: dict):
    page = await people.signed_in("dora@enroute.example", viewport=viewport)
    await page.goto("/dispatch")

    await page.get_by_role("link", name="Arrival times").click()

    await expect(page.get_by_text("15 minutes before, we were off by 60 s on average")).to_be_visible()
    await expect(page.get_by_role("img", name="How far off, day by day")).to_be_visible()
    # Measured in its clothes.
    await page.wait_for_load_state()
    assert await page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    for frame in await page.locator(".table-frame:visible").all():
        assert await frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") == 0


async def test_the_page_speaks_the_language_of_its_reader(people: People, ledger: None):
    english = await people.signed_in("dora@enroute.example")
    german = await people.signed_in("dora@enroute.example", locale="de-DE")
    arabic = await people.signed_in("dora@enroute.example", locale="ar")
    for page in (english, german, arabic):
        await page.goto("/dispatch/arrivals")

    said, in_german, in_arabic = [await words_of(page) for page in (english, german, arabic)]

    assert len(said) > 80
    assert said & in_german <= NAMES | SPELLED_ALIKE
    assert in_arabic <= NAMES


@pytest.mark.parametrize("locale", ["de-DE", "ar"])
async def test_the_page_looks_right_in_other_languages(people: People, ledger: None, locale: str):
    page = await people.signed_in("dora@enroute.example", locale=locale)
    await page.goto("/dispatch/arrivals?days=28")

    await page.locator(".area-table summary").click()

    assert await look_at(page, "arrivals", (DESK_DARK, PHONE_LIGHT)) == []
    for frame in await page.locator(".table-frame:visible").all():
        assert await frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") == 0


async def words_of(page: Page) -> set[str]:
    """Every word of the page itself, also those that are only read aloud."""
    texts = await page.evaluate(
        """() => [...document.querySelectorAll("main > :not(noscript), main [aria-label]")].map(
            (node) => `${node.textContent} ${node.getAttribute("aria-label") ?? ""}`)"""
    )
    return set(re.findall(r"[A-Za-zÄÖÜäöüß]+", " ".join(texts)))


async def test_the_page_is_worked_by_the_keyboard(people: People, ledger: None):
    page = await people.signed_in("dora@enroute.example")
    await page.goto("/dispatch/arrivals")

    await page.get_by_role("link", name="28 days").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dispatch/arrivals?days=28")
    await expect(page.get_by_role("link", name="28 days")).to_have_attribute("aria-current", "page")
    more = page.locator(".area-table summary")
    await more.focus()
    await page.keyboard.press("Enter")

    await expect(page.locator(".area-table details")).to_have_attribute("open", "")
    await page.get_by_role("link", name="Home").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dispatch")


async def test_a_table_stays_a_table_for_screen_readers_on_a_phone(people: People, ledger: None):
    page = await people.signed_in("dora@enroute.example")
    await page.goto("/dispatch/arrivals")

    row = page.get_by_role("region", name="By area").get_by_role("row").nth(1)

    await expect(row.get_by_role("rowheader")).to_have_count(1)
    await expect(row.get_by_role("cell")).to_have_text(["1", "60 s", "60 s", "60 s", "100 %"])
