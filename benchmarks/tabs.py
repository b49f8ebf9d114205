"""What one tab of a customer goes through: loading over a slow line, a minute of watching, an hour's updates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec

from benchmarks.browser import COUNT_FRAMES, PHONE, WATCH_PAINT, PageMemory, memory_of_page, throttle
from benchmarks.serving import Server
from benchmarks.slow_link import SlowLink, slow_link
from benchmarks.town import PASSWORD, Visit

LineKind = Literal["devtools", "wire"]

BITS_PER_S = 1_600_000
ROUND_TRIP_S = 0.150
WARM_UP_S = 5.0
OPENING_S = 30.0
"""More than a page and its map need to open where nothing is slow."""

WATCH_WORDS = """
(function look() {
  const title = document.getElementById("title")?.textContent;
  const clock = document.getElementById("arrival-clock")?.textContent;
  if (title && title !== "One moment" && clock) performance.mark("words");
  else requestAnimationFrame(look);
})();
"""
MARK_MS = "(name) => performance.getEntriesByName(name)[0]?.startTime ?? null"


class HomeLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One first visit of the homepage, with an empty cache. Bytes are those of the body and the headers on the line."""

    line: LineKind
    largest_paint_ms: float
    bytes: int
    requests: int


class LiveLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One first visit of the live page: when status and arrival stood there as text, when the map was drawn."""

    line: LineKind
    words_ms: float
    map_ms: float
    bytes: int
    requests: int


class Smoothness(msgspec.Struct, frozen=True, kw_only=True):
    """Frames while a technician drives: on average, in the worst second, and the longest gap between two."""

    seconds: float
    frames_per_s: float
    worst_second: int
    longest_gap_ms: float


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """A tab after so many updates: at the start, in the middle, at the end."""

    updates: int
    heard: int
    start: PageMemory
    middle: PageMemory
    end: PageMemory


class Tab:
    """One page of a fresh browser context, signed in as the customer, over a line of its own."""

    def __init__(self, page: Any, session: Any, link: SlowLink | None) -> None:
        self.page = page
        self.session = session
        self.requests = 0
        self._link = link
        self._bytes = 0
        self._bytes_before = link.down.carried_bytes if link else 0
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._loaded)

    @property
    def bytes(self) -> int:
        """Brought to the browser so far."""
        return self._link.down.carried_bytes - self._bytes_before if self._link else self._bytes

    def _asked(self, event: dict[str, Any]) -> None:
        self.requests += 1

    def _loaded(self, event: dict[str, Any]) -> None:
        self._bytes += int(event["encodedDataLength"])

    async def mark_ms(self, name: str) -> float:
        """When the page set this mark, since the navigation began."""
        handle = await self.page.wait_for_function(MARK_MS, arg=name, timeout=60_000)
        return float(await handle.json_value())


class Bench:
    """A browser, a server, and a visit to look at."""

    def __init__(self, browser: Any, server: Server, visit: Visit, *, bits_per_s: float = BITS_PER_S) -> None:
        self.visit = visit
        self._browser = browser
        self._server = server
        self._bits_per_s = bits_per_s

    @asynccontextmanager
    async def tab(self, line: LineKind | None = None) -> AsyncIterator[Tab]:
        """A page that has loaded nothing yet; without a line, right at the server."""
        if line == "wire":
            async with (
                slow_link(self._server.port, bits_per_s=self._bits_per_s, round_trip_s=ROUND_TRIP_S) as link,
                self._open(link.url, line, link) as tab,
            ):
                yield tab
        else:
            async with self._open(f"http://127.0.0.1:{self._server.port}", line, None) as tab:
                yield tab

    @asynccontextmanager
    async def _open(self, url: str, line: LineKind | None, link: SlowLink | None) -> AsyncIterator[Tab]:
        context = await self._browser.new_context(viewport=PHONE, locale="en-GB", base_url=url)
        try:
            email = self.visit.town.company.customers[0].email
            await context.request.post("/api/session", data={"email": email, "password": PASSWORD})
            page = await context.new_page()
            await page.add_init_script(WATCH_PAINT)
            session = await context.new_cdp_session(page)
            await session.send("Network.enable")
            if line == "devtools":
                await throttle(session, bits_per_s=self._bits_per_s, round_trip_s=ROUND_TRIP_S)
            yield Tab(page, session, link)
        finally:
            await context.close()

    async def load_home(self, line: LineKind) -> HomeLoad:
        async with self.tab(line) as tab:
            await tab.page.goto("/")
            await tab.page.wait_for_selector("#active .visit")
            await tab.page.wait_for_load_state("networkidle")
            paint_ms = await tab.page.evaluate("window.largestPaint_ms")
            return HomeLoad(line=line, largest_paint_ms=paint_ms, bytes=tab.bytes, requests=tab.requests)

    async def load_live(self, line: LineKind) -> LiveLoad:
        async with self.tab(line) as tab:
            await tab.page.add_init_script(WATCH_WORDS)
            await tab.page.goto(f"/appointments/{self.visit.id}/live", wait_until="commit")
            words_ms = await tab.mark_ms("words")
            map_ms = await tab.mark_ms("map-drawn")
            return LiveLoad(line=line, words_ms=words_ms, map_ms=map_ms, bytes=tab.bytes, requests=tab.requests)

    async def watch(self, seconds: float) -> Smoothness:
        """The customer's map while the technician drives through the town, a fix a second."""
        async with self.tab() as tab:
            driving = asyncio.create_task(self.visit.drive(seconds + OPENING_S))
            try:
                await tab.page.goto(f"/appointments/{self.visit.id}/live")
                await tab.mark_ms("map-drawn")
                gaps_ms = await tab.page.evaluate(COUNT_FRAMES, seconds)
                assert not driving.done()
            finally:
                driving.cancel()
                await asyncio.gather(driving, return_exceptions=True)
        return smoothness(gaps_ms)

    async def leave_open(self, *, updates: int, every_s: float) -> Growth:
        """A tab that hears an hour's updates one after the other, faster than they would come."""
        half_s = updates // 2 * every_s
        async with self.tab() as tab:
            heard = 0

            def count(event: dict[str, Any]) -> None:
                nonlocal heard
                heard += '"type":"position"' in event["response"]["payloadData"]

            tab.session.on("Network.webSocketFrameReceived", count)
            await self.visit.tell()
            await tab.page.goto(f"/appointments/{self.visit.id}/live")
            await tab.mark_ms("map-drawn")
            # What is made once, with the first updates, is no growth.
            await self.visit.drive(min(WARM_UP_S, half_s), every_s=every_s)
            seen = [await memory_of_page(tab.session)]
            heard = 0
            for _ in range(2):
                await self.visit.drive(half_s, every_s=every_s)
                seen.append(await memory_of_page(tab.session))
        start, middle, end = seen
        return Growth(updates=2 * (updates // 2), heard=heard, start=start, middle=middle, end=end)


def smoothness(gaps_ms: list[float]) -> Smoothness:
    """Gaps between frames, as figures; the last second counts only when it is whole."""
    seconds: dict[int, int] = {}
    at_ms = 0.0
    for gap_ms in gaps_ms:
        at_ms += gap_ms
        seconds[int(at_ms // 1000)] = seconds.get(int(at_ms // 1000), 0) + 1
    whole = [seconds.get(number, 0) for number in range(int(at_ms // 1000))]
    return Smoothness(
        seconds=at_ms / 1000,
        frames_per_s=1000 * len(gaps_ms) / at_ms,
        worst_second=min(whole, default=0),
        longest_gap_ms=max(gaps_ms),
    )
