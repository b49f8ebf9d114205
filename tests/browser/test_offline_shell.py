"""An installed app that is opened without a network: our page, in the person's language, and back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import RULES, SOON_MS, Household, People, town, until
from tests.browser.looks import ALL_LOOKS, look_at
from tests.servers import enroute_server, started_again

BACK_WITHIN_MS = 60_000
"""The longest wait before another try is a third of it."""

KEPT = """async () => {
  const caches_ = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
  return caches_.flat().map((request) => new URL(request.url).pathname);
}"""

SHELLS = "async () => (await caches.keys()).filter((name) => name !== 'shell-language')"


async def shell_is_kept(page: Page) -> None:
    """The worker is at work, and knows the language of this page."""
    await page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    await until(page, "async () => (await (await caches.open('shell-language')).keys()).length > 0")


async def tell_offline(page: Page) -> CDPSession:
    """Until it is detached. Chromium cuts every document off, but with the second `navigator.onLine` is true again."""
    console = await page.context.new_cdp_session(page)
    no_network = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    await console.send("Network.enable")
    await console.send("Network.emulateNetworkConditions", no_network)
    return console


def heading(page: Page) -> Any:
    return expect(page.locator("h1:visible"))


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en-GB", "You are offline"), ("de-DE", "Sie sind offline"), ("ar", "أنت غير متصل")],
)
async def test_a_page_opened_without_a_network_says_so_and_opens_by_itself_later(
    people: People, locale: str, words: str
) -> None:
    people.expects("ERR_INTERNET_DISCONNECTED")
    page = await people.customer(locale=locale)
    await page.goto("/")
    await shell_is_kept(page)

    await page.context.set_offline(True)
    await page.goto("/book")
    offline = await tell_offline(page)
    await heading(page).to_have_text(words)
    assert await look_at(page, "no network", ALL_LOOKS) == []
    assert await page.evaluate("getComputedStyle(document.body).display") == "flex"
    await offline.detach()
    await page.context.set_offline(False)

    await expect(page.locator("#services, [name=service]").first).to_be_attached(timeout=BACK_WITHIN_MS)
    assert page.url.endswith("/book")


async def test_nothing_of_anybody_is_kept(people: People) -> None:
    page = await people.customer()
    await people.book(page)
    await page.goto("/")
    await shell_is_kept(page)
    for path in ("/", "/profile", "/book"):
        await page.goto(path)
        await expect(page.locator("main")).to_be_visible()

    kept = await page.evaluate(KEPT)

    assert kept != []
    assert [path for path in kept if not path.startswith(("/offline", "/static/"))] == []
    assert [path for path in kept if path.startswith("/static/") and path.endswith(".json")] == []


async def test_a_server_that_is_away_is_another_trouble_and_a_new_version_takes_the_place_of_the_old(
    browser: Browser, tmp_path: Path
) -> None:
    async with enroute_server(tmp_path, seed=town(1), environ=RULES, mortal=True) as server:
        people = People(browser, server.url, Household(0))
        people.expects("ERR_CONNECTION_")
        people.expects("before receiving a handshake response")
        page = await people.customer()
        await page.goto("/")
        await shell_is_kept(page)
        [before] = await page.evaluate(SHELLS)

        server.process.kill()
        await server.process.wait()
        await page.goto("/profile")
        await heading(page).to_have_text("We cannot be reached")
        async with started_again(server, environ=RULES | {"ENROUTE_ACCENT": "#7a1fa2"}):
            await expect(page.locator("[name=locale]")).to_be_visible(timeout=BACK_WITHIN_MS)

            await until(page, f"async () => !(await caches.keys()).includes('{before}')")
            assert len(await page.evaluate(SHELLS)) == 1
        await people.leave()
        assert people.complaints == []


WISHES = """async (script) => {
  const heard = {};
  const told = [];
  let again = null;
  const worker = {
    location,
    addEventListener: (name, listener) => { heard[name] = listener; },
    skipWaiting: () => { told.push("wish"); },
    registration: {},
  };
  const run = new Function("self", "caches", "setInterval", "clearInterval", script);
  const caches_ = { open: async () => ({ addAll: async () => {} }), keys: async () => [], delete: async () => {} };
  run(worker, caches_, (wish) => { again = wish; return 7; }, (id) => { if (id === 7) again = null; });

  const until = [];
  heard.install({ waitUntil: (done) => until.push(done) });
  await Promise.all(until);
  again();
  again();
  heard.activate({ waitUntil: () => {} });
  return [told.length, again];
}"""


async def test_a_new_version_goes_on_asking_for_the_place_of_the_old_until_it_has_it(people: People) -> None:
    page = await people.customer()
    await page.goto("/")
    script = await page.evaluate("async () => (await fetch('/service_worker.js')).text()")

    assert await page.evaluate(WISHES, script) == [3, None]


@asynccontextmanager
async def slow_server(url: str) -> AsyncIterator[asyncio.Queue[str]]:
    """Says at once that it is well, and answers nothing else: what is asked of it."""
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while line := await reader.readline():
                path = line.split()[1].decode()
                await reader.readuntil(b"\r\n\r\n")
                asked.put_nowait(path)
                if path.startswith("/healthz"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with await asyncio.start_server(serve, "127.0.0.1", int(url.rpartition(":")[2])):
        yield asked


HURRIED = "const wait = setTimeout; globalThis.setTimeout = (run, ms) => wait(run, ms / 100);"
A_MINUTE_LATER = "new Promise((done) => setTimeout(done, 60_000)).then(() => fetch('/healthz?a-minute-later'))"


async def test_a_page_that_opens_slowly_is_not_asked_for_again_and_again(browser: Browser, tmp_path: Path) -> None:
    async with enroute_server(tmp_path, seed=town(1), environ=RULES, mortal=True) as server:
        people = People(browser, server.url, Household(0))
        people.expects("ERR_")
        page = await people.customer()
        await page.goto("/")
        await shell_is_kept(page)
        server.process.kill()
        await server.process.wait()
        await page.add_init_script(HURRIED)
        await page.goto("/profile")
        await heading(page).to_have_text("We cannot be reached")
        # `evaluate` waits for a page that is being opened; this does not.
        console = await page.context.new_cdp_session(page)

        async with asyncio.timeout(SOON_MS / 1000), slow_server(server.url) as asked:
            await console.send("Runtime.evaluate", {"expression": A_MINUTE_LATER})
            paths = [await asked.get()]
            while paths[-1] != "/healthz?a-minute-later":
                paths.append(await asked.get())
            await people.leave()

        # Each question that is answered opens it again, which breaks off what was begun.
        assert [path for path in paths if path in ("/healthz", "/profile")] == ["/healthz", "/profile"]
        assert people.complaints == []
