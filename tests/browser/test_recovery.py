"""The network goes, the line swallows everything, the tab sleeps, the phone's clock is wrong: the page tells the truth
meanwhile, and is right again without a reload."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from benchmarks.slow_link import SlowLink, slow_link
from tests.browser.conftest import SOON_MS, People
from tests.browser.test_live_page import fix_north
from tests.browser.visits import travel

HOUR_MS = 3_600_000
BACK_WITHIN_MS = 25_000
"""The longest wait before another try, and a moment."""
MINUTE_S = 60
CUTS = {"offline": "You are offline", "swallowed": "cannot reach our server"}
"""What the live page says while it lasts."""

# A phone whose clock somebody sets: `setClock(by_ms)` moves it, now and for good.
SETTABLE_CLOCK = """
(() => {
  const Real = Date;
  let ahead_ms = AHEAD_MS;
  globalThis.Date = class extends Real {
    constructor(...given) {
      if (given.length) super(...given);
      else super(Real.now() + ahead_ms);
    }
    static now() {
      return Real.now() + ahead_ms;
    }
  };
  globalThis.setClock = (by_ms) => { ahead_ms = by_ms; };
})();"""


class Journey:
    """A visit that the household's technician travels to, and their phone."""

    def __init__(self, technician: Page, visit: dict[str, Any], token: str) -> None:
        self.visit = visit
        self._technician = technician
        self._headers = {"Authorization": f"Bearer {token}"}

    @property
    def path(self) -> str:
        return f"/appointments/{self.visit['id']}/live"

    async def stands(self, north_m: float) -> int:
        """Told now: so far north of the customer. The time of that fix."""
        fix = fix_north(north_m)
        answer = await self._technician.context.request.post("/in/fix", data=fix, headers=self._headers)
        assert (await answer.json())["accepted"] == 1, await answer.text()
        fixed_at: int = fix["fixed_at"]
        return fixed_at


@pytest_asyncio.fixture
async def journey(people: People) -> Journey:
    """Under way, and told two kilometres from the customer."""
    customer, technician = await people.customer(), await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    answer = await technician.context.request.post("/api/technician/device-token", data={})
    journey = Journey(technician, visit, (await answer.json())["token"])
    await journey.stands(2000)
    return journey


@pytest_asyncio.fixture
async def over_a_line(people: People, browser: Browser) -> AsyncIterator[tuple[SlowLink, People]]:
    """The same household behind a line that can be made to swallow everything."""
    async with slow_link(urlsplit(people.url).port or 0) as link:
        crowd = People(browser, link.url, people.household)
        yield link, crowd
        await crowd.leave()
        assert crowd.complaints == []


def trouble(page: Page) -> Any:
    return expect(page.locator("#trouble"))


def badge(page: Page) -> Any:
    return expect(page.locator("#freshness"))


async def is_right_again(page: Page, fixed_at: int) -> None:
    """The newest fix is on the map, and nothing is wrong any more."""
    newest = expect(page.locator(".vehicle"))
    await newest.to_have_attribute("data-fixed-at", str(fixed_at), timeout=BACK_WITHIN_MS)
    await badge(page).to_have_text("Live")
    await trouble(page).to_be_empty()


async def arrival_of(page: Page) -> tuple[str, str]:
    """The arrival as a clock time and as minutes, on the live page."""
    await badge(page).to_have_text("Live")
    await expect(page.locator("#arrival-minutes")).to_have_text(re.compile(r"^in \d+ min$"))
    return await page.locator("#arrival-clock").inner_text(), await page.locator("#arrival-minutes").inner_text()


@pytest.mark.parametrize("ahead_h", [2, pytest.param(-2, marks=pytest.mark.full)])
async def test_a_phone_whose_clock_is_wrong_shows_the_right_arrival(
    people: People, journey: Journey, ahead_h: int
) -> None:
    right, wrong = await people.customer(), await people.customer()
    await wrong.add_init_script(SETTABLE_CLOCK.replace("AHEAD_MS", str(ahead_h * HOUR_MS)))

    await right.goto(journey.path)
    await wrong.goto(journey.path)

    # Each page turns the minute at its own tick.
    async with asyncio.timeout(SOON_MS / 1000):
        while await arrival_of(wrong) != await arrival_of(right):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    for _ in range(2):
        for page in (wrong, right):
            await page.goto("/")
            await expect(page.locator("#active .arrival-words")).to_have_text(re.compile(r"in \d+ min"))
        cards = [await page.locator("#active .visit").inner_text() for page in (wrong, right)]
        if cards[0] == cards[1]:
            break
    assert cards[0] == cards[1]


async def test_a_clock_that_is_set_under_an_open_page_is_found_out(people: People, journey: Journey) -> None:
    page = await people.customer()
    await page.add_init_script(SETTABLE_CLOCK.replace("AHEAD_MS", "0"))
    await page.goto(journey.path)
    clock, minutes = await arrival_of(page)

    for by_ms in (2 * HOUR_MS, -2 * HOUR_MS):
        async with page.expect_event("websocket"):
            await page.evaluate(f"setClock({by_ms})")

        shown_clock, shown_minutes = await arrival_of(page)
        assert shown_clock == clock
        assert abs(int(shown_minutes.split()[1]) - int(minutes.split()[1])) <= 1


async def test_a_tab_that_slept_is_right_as_soon_as_it_wakes(people: People, journey: Journey) -> None:
    page = await people.customer()
    await page.goto(journey.path)
    await badge(page).to_have_text("Live")

    async with asleep(page):
        await journey.stands(1990)
        newest = await journey.stands(1980)

    await is_right_again(page, newest)


async def test_a_tab_that_wakes_does_not_trust_a_line_that_looks_open(people: People, journey: Journey) -> None:
    page = await people.customer()
    await page.goto(journey.path)
    await badge(page).to_have_text("Live")

    for event in ("resume", "visibilitychange"):
        async with page.expect_event("websocket"):
            await page.evaluate(f"document.dispatchEvent(new Event('{event}'))")

    await is_right_again(page, await journey.stands(1990))


async def test_a_line_that_swallows_everything_is_found_out_before_a_phone_is_blamed(
    journey: Journey, over_a_line: tuple[SlowLink, People]
) -> None:
    link, crowd = over_a_line
    page = await crowd.customer()
    await page.clock.install()
    await page.goto(journey.path)
    await badge(page).to_have_text("Live")
    said: list[str] = []
    await page.expose_function("told", lambda text: said.append(text))
    await page.evaluate(
        "new MutationObserver(() => told(document.getElementById('trouble').textContent))"
        ".observe(document.getElementById('trouble'), { childList: true })"
    )

    link.silent = True
    await page.clock.run_for(36_000)
    await trouble(page).to_contain_text("cannot reach our server")
    await badge(page).to_have_text(re.compile("ago$"))
    await page.clock.run_for(60_000)
    await trouble(page).to_contain_text("cannot reach our server")
    link.silent = False
    newest = await journey.stands(1990)
    await page.clock.run_for(35_000)

    await expect(page.locator(".vehicle")).to_have_attribute("data-fixed-at", str(newest))
    await trouble(page).not_to_contain_text("cannot reach")
    assert not [text for text in said if "silent" in text]


async def test_the_homepage_says_when_it_is_offline_and_when_it_is_back(people: People, journey: Journey) -> None:
    people.expects("ERR_INTERNET_DISCONNECTED")
    page = await people.customer()
    await page.goto("/")
    await expect(page.locator("#active .visit")).to_be_visible()

    await page.context.set_offline(True)
    await expect(page.locator("#problem")).to_contain_text("You are offline")
    await page.context.set_offline(False)

    await expect(page.locator("#problem")).to_be_empty()
    await expect(page.locator("#active .visit")).to_be_visible()


@contextlib.asynccontextmanager
async def asleep(page: Page) -> AsyncIterator[None]:
    """The tab's process stands still: no timer, no message, no frame. Chromium freezes no page that is visible, and a
    page without a screen is always visible."""
    session = await page.context.browser.new_browser_cdp_session()  # type: ignore[union-attr]

    async def cpu_s() -> dict[int, float]:
        answer = await session.send("SystemInfo.getProcessInfo")
        return {each["id"]: each["cpuTime"] for each in answer["processInfo"] if each["type"] == "renderer"}

    # Nothing says which process draws the page: it is the one that works when the page does.
    before = await cpu_s()
    await page.evaluate("() => { const until = performance.now() + 400; while (performance.now() < until); }")
    after = await cpu_s()
    renderer = max(after, key=lambda pid: after[pid] - before.get(pid, 0.0))
    os.kill(renderer, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(renderer, signal.SIGCONT)
        await session.detach()


@contextlib.asynccontextmanager
async def offline(page: Page) -> AsyncIterator[None]:
    await page.context.set_offline(True)
    yield
    await page.context.set_offline(False)


@pytest.mark.full
@pytest.mark.parametrize("cut", ["offline", "swallowed", "asleep"])
async def test_a_minute_without_the_server_is_told_and_made_good(
    journey: Journey, over_a_line: tuple[SlowLink, People], cut: str
) -> None:
    link, crowd = over_a_line
    crowd.expects("ERR_")
    crowd.expects("before receiving a handshake response")
    page, home = await crowd.customer(), await crowd.customer()
    await page.goto(journey.path)
    await home.goto("/")
    await badge(page).to_have_text("Live")
    await expect(home.locator("#active .visit")).to_be_visible()

    async with contextlib.AsyncExitStack() as stack:
        for each in (page, home):
            if cut == "swallowed":
                link.silent = True
            else:
                await stack.enter_async_context(offline(each) if cut == "offline" else asleep(each))
        for second in range(MINUTE_S):
            if second % 5 == 0:
                await journey.stands(2000 - 10 * second)
            await asyncio.sleep(1)
        if cut != "asleep":
            await trouble(page).to_contain_text(CUTS[cut])
            await badge(page).to_have_text(re.compile("ago$"))
            await expect(home.locator("#problem")).to_contain_text(re.compile("You are offline|cannot reach"))
    link.silent = False

    await is_right_again(page, await journey.stands(1400))
    await expect(home.locator("#problem")).to_be_empty(timeout=BACK_WITHIN_MS)
    await expect(home.locator("#active .visit")).to_be_visible()
