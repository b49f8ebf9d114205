"""A real Chromium against a real server. One browser for all; every person gets a context of their own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from benchmarks.browser import ARGUMENTS, PHONE
from tests.browser.visits import book
from tests.servers import EVERY_DAY, PASSWORD, EnrouteServer, enroute_server

# What a page may need on a machine that does other things; without a word `expect` gives it 5 s.
SOON_MS = 15_000
expect.set_options(timeout=SOON_MS)
DESK = {"width": 1440, "height": 900}
# More than there are tests, those marked `full` included.
HOUSEHOLDS = 100
DESTINATION = {"lat": 41.15, "lon": -8.61}
# No cut-off stands between a test and its visit; whatever the hour, there are slots today.
RULES = {"ENROUTE_MIN_LEAD_S": "0", "ENROUTE_MOVE_CUTOFF_S": "0", "ENROUTE_CANCEL_CUTOFF_S": "0"}


def morning_zone() -> str:
    """A zone where it is nine in the morning now: today's slots are ahead at any hour the tests run."""
    behind_h = datetime.datetime.now(datetime.UTC).hour - 9
    return f"Etc/GMT{behind_h if behind_h <= 12 else behind_h - 24:+d}"


@dataclass(frozen=True, slots=True)
class Household:
    """A customer and the only technician who can come to them: tests at one server do not meet."""

    number: int

    @property
    def customer(self) -> str:
        return f"maria{self.number}@lopes.example"

    @property
    def technician(self) -> str:
        return f"ana{self.number}@enroute.example"

    @property
    def service(self) -> str:
        return f"check-{self.number}"


def town(households: int) -> dict[str, Any]:
    """That many households, and a dispatcher."""
    zone = morning_zone()
    dispatcher = {"email": "dora@enroute.example", "name": "Dora", "role": "dispatcher", "password": PASSWORD}
    # Somebody who cannot sign in yet.
    eva = {"email": "eva@lopes.example", "account": "lopes-0", "name": "Eva"}
    seed: dict[str, Any] = {"staff": [dispatcher], "contacts": [eva]}
    for number in range(households):
        home = Household(number)
        account, technician = f"lopes-{number}", f"ana-{number}"
        place = {"address": "Rua das Flores 1, Porto", "time_zone": zone} | DESTINATION
        staff = {"email": home.technician, "name": "Ana", "role": "technician", "technician": technician}
        rows = {
            "accounts": {"id": account, "name": "Lopes", "site": f"home-{number}"},
            "contacts": {"email": home.customer, "account": account, "name": "Maria", "password": PASSWORD},
            "staff": staff | {"password": PASSWORD},
            "sites": {"id": f"home-{number}", "account": account, "name": "Home"} | place,
            "assets": {"id": f"boiler-{number}", "account": account, "site": f"home-{number}", "name": "Boiler"},
            "services": {"id": home.service, "name": f"Boiler check {number}", "duration_min": 60, "skill": technician},
            "technicians": {
                "id": technician,
                "name": "Ana Alves",
                "phone": "+351 912 345 678",
                "skills": [technician],
                "time_zone": zone,
                "shifts": EVERY_DAY,
            },
        }
        for name, row in rows.items():
            seed.setdefault(name, []).append(row)
    return seed


@pytest_asyncio.fixture(scope="session")
async def town_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EnrouteServer]:
    """One server for all browser tests; each takes a household of its own."""
    folder = tmp_path_factory.mktemp("town")
    async with enroute_server(folder, seed=town(HOUSEHOLDS), environ=RULES) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is needed for the browser tests (Debian package: chromium)"
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        await running.close()


async def until(page: Page, question: str) -> None:
    """Wait for the answer of an async function of the page. (`wait_for_function` takes its promise for a yes.)"""
    async with asyncio.timeout(SOON_MS / 1000):
        while not await page.evaluate(question):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def open_and_listen(page: Page, path: str) -> None:
    """Opened, and on its line: what happens from now on is told."""
    told = asyncio.Event()
    page.once("websocket", lambda line: line.once("framereceived", lambda _: told.set()))
    await page.goto(path)
    async with asyncio.timeout(SOON_MS / 1000):
        await told.wait()


LOOKED_FOR_A_NEW_SHELL = "An unknown error occurred when fetching the script."
"""A browser looks by itself for a newer service worker when it likes: perhaps while the network is cut."""


class People:
    """Opens contexts at one server and remembers whatever a page complains about."""

    def __init__(self, browser: Browser, url: str, household: Household, *, elsewhere: tuple[str, ...] = ()) -> None:
        """`elsewhere`: what the addresses of other servers begin with that pages may ask, too."""
        self._browser = browser
        self.household = household
        self._elsewhere = elsewhere
        self._open: list[BrowserContext] = []
        self.url = url
        self.complaints: list[str] = []
        self._expected: list[str] = []

    async def context(self, **options: Any) -> BrowserContext:
        settings = {"viewport": PHONE, "locale": "en-GB", "base_url": self.url} | options
        context = await self._browser.new_context(**settings)
        context.set_default_timeout(SOON_MS)
        self._open.append(context)
        context.on("console", lambda message: message.type == "error" and self._complain(message.text))
        context.on("weberror", lambda error: self._complain(str(error.error)))
        context.on("request", lambda request: self._watch_address(request.url))
        return context

    async def page(self, path: str, **options: Any) -> Page:
        page = await (await self.context(**options)).new_page()
        await page.goto(path)
        return page

    async def customer(self, **options: Any) -> Page:
        """The household's customer, signed in; their page is still empty."""
        return await self.signed_in(self.household.customer, **options)

    async def technician(self, **options: Any) -> Page:
        return await self.signed_in(self.household.technician, **options)

    async def book(self, customer: Page, *, nth: int = 0) -> dict[str, Any]:
        """The nth free time from today on, booked by the API."""
        return await book(customer.context.request, service=self.household.service, nth=nth)

    async def signed_in(self, email: str, **options: Any) -> Page:
        """Somebody who has signed in, by the API; their page is still empty."""
        context = await self.context(**options)
        answer = await context.request.post("/api/session", data={"email": email, "password": PASSWORD})
        assert answer.status == 201, await answer.text()
        return await context.new_page()

    def expects(self, text: str) -> None:
        """This complaint belongs to what is tested: browsers log every refused request as an error."""
        self._expected.append(text)

    def _complain(self, text: str) -> None:
        if self._expected and text == LOOKED_FOR_A_NEW_SHELL:
            return
        if not any(expected in text for expected in self._expected):
            self.complaints.append(text)

    def _watch_address(self, url: str) -> None:
        if not url.startswith((self.url, self.url.replace("http", "ws", 1), "data:", "blob:", *self._elsewhere)):
            self.complaints.append(f"a request left the server: {url}")

    async def leave(self) -> None:
        for context in self._open:
            with contextlib.suppress(Exception):
                await context.close()


_households = map(Household, range(HOUSEHOLDS))


@pytest_asyncio.fixture
async def people(browser: Browser, town_server: EnrouteServer) -> AsyncIterator[People]:
    """A household and its pages. A console error, a broken content policy or a foreign request fails the test."""
    crowd = People(browser, town_server.url, next(_households))
    yield crowd
    await crowd.leave()
    if crowd.complaints:
        pytest.fail("\n".join(crowd.complaints))
