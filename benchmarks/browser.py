"""A Chromium that draws in software, and what its pages tell about themselves."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import click
import msgspec

PHONE = {"width": 390, "height": 844}
ARGUMENTS = (
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)

WATCH_PAINT = """
window.largestPaint_ms = null;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.largestPaint_ms = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
"""
"""Before any page: when its largest piece was painted, since the navigation began."""

COUNT_FRAMES = """(seconds) => new Promise((resolve) => {
  const gaps_ms = [];
  const began = performance.now();
  let last = began;
  requestAnimationFrame(function frame(now) {
    gaps_ms.push(now - last);
    last = now;
    if (now - began < 1000 * seconds) requestAnimationFrame(frame);
    else resolve(gaps_ms);
  });
})"""
"""The milliseconds between one frame and the next, for so many seconds."""


class PageMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What a tab holds after its garbage was collected."""

    heap_bytes: int
    nodes: int
    listeners: int


@asynccontextmanager
async def software_browser() -> AsyncIterator[Any]:
    """Playwright's Browser on the Chromium of this machine. Raises ClickException where one of them is missing."""
    try:
        from playwright.async_api import async_playwright
    except ModuleNotFoundError:
        raise click.ClickException("Playwright is needed to measure pages: install enroute[test]") from None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise click.ClickException("Chromium is needed to measure pages (Debian package: chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


async def throttle(session: Any, *, bits_per_s: float, round_trip_s: float) -> None:
    """Chromium's own slow network, for the requests of one page."""
    speed = {"downloadThroughput": bits_per_s / 8, "uploadThroughput": bits_per_s / 8}
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", {"offline": False, "latency": 1000 * round_trip_s, **speed})


async def memory_of_page(session: Any) -> PageMemory:
    """Of the page that the DevTools session belongs to. Collects twice: what the first round frees may free more."""
    await session.send("Performance.enable")
    for _ in range(2):
        await session.send("HeapProfiler.collectGarbage")
    answer = await session.send("Performance.getMetrics")
    found = {metric["name"]: metric["value"] for metric in answer["metrics"]}
    return PageMemory(
        heap_bytes=int(found["JSHeapUsedSize"]), nodes=int(found["Nodes"]), listeners=int(found["JSEventListeners"])
    )
